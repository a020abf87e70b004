# What is under review, whatever its kind.
package lib.review

# What is on its way out is let go: nobody may be kept from deleting.
gone if input.review.operation == "DELETE"

gone if input.review.object.metadata.deletionTimestamp

subject := input.review.object if not gone

kind := input.review.object.kind

# A name is not there yet where the API server is to make one.
called := input.review.object.metadata.name if {
	input.review.object.metadata.name
} else := sprintf("%s…", [input.review.object.metadata.generateName])

name := sprintf("%s %s", [kind, called])

namespace := object.get(input.review.object.metadata, "namespace", "")

labels := object.get(input.review.object.metadata, "labels", {})

annotations := object.get(input.review.object.metadata, "annotations", {})

parameter(key, otherwise) := object.get(object.get(input, "parameters", {}), key, otherwise)

list(words) := concat(", ", sort(words))
