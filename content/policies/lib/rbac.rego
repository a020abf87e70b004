# Roles, bindings, and what they give.
package lib.rbac

import data.lib.known
import data.lib.review

role := review.subject if not known.bootstrapped

binding := review.subject if not known.bootstrapped

rules := in_role(role)

# Also those of what the API server makes.
any_rules := in_role(review.subject)

# A ClusterRole that gathers others holds what the API server put there.
in_role(judged) := [entry |
	not judged.aggregationRule
	some index, rule in judged.rules
	entry := {
		"of": rule,
		"index": index,
		"path": sprintf("/rules/%d", [index]),
	}
]

any_of(words, wanted) if {
	some word in words
	word in wanted
}

# Everything in everything: said once, by the policy on wildcards.
all_of(rule) if {
	"*" in rule.verbs
	"*" in rule.resources
}

# The verbs of `wanted` a rule gives on one of `resources`, unless it
# gives simply everything, or names the objects it is for.
given(rule, groups, resources, wanted) := verbs if {
	not all_of(rule)
	count(object.get(rule, "resourceNames", [])) == 0
	in_groups := groups | {"*"}
	any_of(rule.apiGroups, in_groups)
	named := covering(resources)
	any_of(rule.resources, named)
	asked := wanted | {"*"}
	verbs := sort([verb | some verb in rule.verbs; verb in asked])
	count(verbs) > 0
}

# How a rule may name a resource: by itself, by everything, and a
# subresource also by that of everything.
covering(resources) := (resources | {"*"}) | subresources(resources)

subresources(resources) := {pattern |
	some resource in resources
	parts := split(resource, "/")
	count(parts) == 2
	pattern := sprintf("*/%s", [parts[1]])
}

# Takes words out of a list of a rule; the whole rule where none is left.
# Where a wildcard stands, only a person can say what is meant.
without(entry, key, words) := [] if {
	"*" in entry.of[key]
} else := [{"op": "replace", "path": sprintf("%s/%s", [entry.path, key]), "value": left}] if {
	left := [word | some word in entry.of[key]; not word in words]
	count(left) > 0
} else := [{"op": "remove", "path": entry.path}] if entry.of[key]

# Where the role counts, in words.
reach := "in the whole cluster" if review.kind == "ClusterRole"

reach := sprintf("in namespace %s", [review.namespace]) if review.kind == "Role"

subjects := [entry |
	some index, subject in binding.subjects
	entry := {"of": subject, "index": index, "said": said(subject)}
]

said(subject) := sprintf("ServiceAccount %s/%s", [object.get(subject, "namespace", review.namespace), subject.name]) if {
	subject.kind == "ServiceAccount"
}

said(subject) := sprintf("%s %s", [subject.kind, subject.name]) if subject.kind != "ServiceAccount"

# The patch, where there is one.
details(entry, key, words) := {"patch": patch} if {
	patch := without(entry, key, words)
	count(patch) > 0
} else := {}
