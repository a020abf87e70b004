# Pods, and the templates workloads make pods of: what they are called,
# and their containers. Paths are those of the pod, wherever it is.
package lib.pods

import data.lib.known
import data.lib.review

lists := {
	"containers": "container",
	"initContainers": "init container",
	"ephemeralContainers": "ephemeral container",
}

# Copies a controller made are judged as what they were made from.
copied if {
	review.kind in {"ReplicaSet", "Job"}
	some owner in input.review.object.metadata.ownerReferences
	owner.controller == true
}

# The pod, also where a known component runs it.
any_pod := review.subject if review.kind == "Pod"

any_pod := review.subject.spec.jobTemplate.spec.template if review.kind == "CronJob"

any_pod := review.subject.spec.template if {
	not review.kind in {"Pod", "CronJob"}
	not copied
}

pod := any_pod if not known.component

# Of a running pod little can be changed: a request that changes something
# else, a label perhaps, is not held up by what it did not bring.
settled if {
	input.review.operation == "UPDATE"
	review.kind == "Pod"
	rest(input.review.object.spec) == rest(input.review.oldObject.spec)
}

rest(spec) := object.remove(spec, ["containers", "initContainers", "ephemeralContainers"])

kept(list, container) if {
	settled
	some old in input.review.oldObject.spec[list]
	old == container
}

# For what is said of a pod as a whole.
spec := pod.spec if not settled

excluded(container) if object.get(container, "name", "") in review.parameter("excludedContainers", [])

excluded(container) if {
	some start in review.parameter("excludedImages", [])
	startswith(object.get(container, "image", ""), start)
}

containers := in_pod(pod)

# Containers of every pod, those of known components among them.
any_containers := in_pod(any_pod)

in_pod(judged) := [found |
	some list, word in lists
	some index, container in judged.spec[list]
	not excluded(container)
	not kept(list, container)
	called := object.get(container, "name", "without a name")
	found := {
		"list": list,
		"of": container,
		"name": called,
		"path": sprintf("/spec/%s/%d", [list, index]),
		"said": sprintf("%s %s of %s", [word, called, review.name]),
	}
]

# What holds for a container: its own setting, or else its pod's.
setting(found, key) := own if {
	own := found.of.securityContext[key]
	own != null
} else := pod.spec.securityContext[key]

# Windows knows nothing of many settings of Linux, and refuses them.
windows if pod.spec.os.name == "windows"

windows if pod.spec.nodeSelector["kubernetes.io/os"] == "windows"

# A container that has ended its work before others begin.
lasting(found) if found.list == "containers"

lasting(found) if {
	found.list == "initContainers"
	found.of.restartPolicy == "Always"
}
