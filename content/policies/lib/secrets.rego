# What looks like a secret. Nearly all texts look like none: one look at
# many of them at once costs much less than a look at each.
package lib.secrets

# Words of names that stand for something secret, and endings that do not.
of_names := `(?im)(^|[_.-])(pass(wd|word|phrase)?|pwd|secret|token|api_?key|access_?key|private_?key|credentials?)([_.-]|$)|password|secret_?key|apikey|accesskey|privatekey`

of_harmless_names := `(?i)([_.-](file|path|dir|name|ref|url|uri|ttl|type|id|enabled|length|host|port|issuer|expiry|expiration|policy|mount))$`

# What is secret by how it looks: keys, what clouds and forges give out,
# a password in an address, a signed token.
of_values := concat("|", [
	`-----BEGIN ([A-Z]+ )?PRIVATE KEY-----`,
	`\b(AKIA|ASIA)[0-9A-Z]{16}\b`,
	`\b(ghp|gho|ghs|glpat|xoxb|xoxp|sk_live)[-_][0-9A-Za-z_-]{16,}`,
	`://[^/:@ ]+:[^/@ $]{3,}@`,
	`\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.`,
])

# A place to fill in, or a word of a switch.
of_fillers := `(?i)^(|true|false|none|null|\$\(.*\)|\$\{.*\}|<.*>|x+|\*+|[0-9]{1,5}|/.*)$`

name(text) if {
	regex.match(of_names, text)
	not regex.match(of_harmless_names, text)
}

value(text) if regex.match(of_values, text)

filler(text) if regex.match(of_fillers, text)

# Whether one of these may be a secret's name, or a secret.
maybe_names(texts) if regex.match(of_names, concat("\n", [text | some text in texts; is_string(text)]))

maybe_values(texts) if regex.match(of_values, concat("\n", [text | some text in texts; is_string(text)]))
