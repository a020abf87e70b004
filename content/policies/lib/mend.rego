# Patches (RFC 6902) that mend what was found.
package lib.mend

escaped(key) := replace(replace(key, "~", "~0"), "/", "~1")

put(path, key, value) := [{"op": "add", "path": sprintf("%s/%s", [path, escaped(key)]), "value": value}]

drop(path, key) := [{"op": "remove", "path": sprintf("%s/%s", [path, escaped(key)])}]

# Puts a value two levels down, and makes the level between if need be.
within(path, holder, outer, inner, value) := put(sprintf("%s/%s", [path, escaped(outer)]), inner, value) if {
	is_object(object.get(holder, outer, null))
}

within(path, holder, outer, inner, value) := put(path, outer, {inner: value}) if {
	not is_object(object.get(holder, outer, null))
}

# The same three levels down.
deep(path, holder, outer, middle, inner, value) := within(sprintf("%s/%s", [path, escaped(outer)]), holder[outer], middle, inner, value) if {
	is_object(object.get(holder, outer, null))
}

deep(path, holder, outer, middle, inner, value) := put(path, outer, {middle: {inner: value}}) if {
	not is_object(object.get(holder, outer, null))
}
