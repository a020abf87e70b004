# Names of images, and what is known of them.
package lib.images

# The parts of `registry.example:5000/team/shop:1.4@sha256:…`.
digest(reference) := split(reference, "@")[1] if contains(reference, "@")

digest(reference) := "" if not contains(reference, "@")

named(reference) := split(reference, "@")[0]

last(reference) := parts[count(parts) - 1] if parts := split(named(reference), "/")

tag(reference) := split(last(reference), ":")[1] if contains(last(reference), ":")

tag(reference) := "" if not contains(last(reference), ":")

# The host, where one is named: it has a dot or a port, or is this machine.
registry(reference) := first if {
	parts := split(named(reference), "/")
	count(parts) > 1
	first := parts[0]
	is_host(first)
} else := ""

is_host(word) if contains(word, ".")

is_host(word) if contains(word, ":")

is_host("localhost")

# The name in full, as engines understand short ones.
full(reference) := reference if registry(reference) != ""

full(reference) := sprintf("docker.io/%s", [reference]) if {
	registry(reference) == ""
	contains(named(reference), "/")
}

full(reference) := sprintf("docker.io/library/%s", [reference]) if {
	registry(reference) == ""
	not contains(named(reference), "/")
}

state(reference) := data.seawall.images[reference]

# Whose signatures are asked for, and what was found; nothing where no trust
# policy holds for it.
trust(reference) := data.seawall.trust[reference]
