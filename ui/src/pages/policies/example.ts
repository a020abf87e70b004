/** What a first policy may begin with. */
export const EXAMPLE = `apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata:
  name: ownerlabel
spec:
  crd:
    spec:
      names: {kind: OwnerLabel}
      validation:
        openAPIV3Schema:
          type: object
          properties:
            label: {type: string}
  targets:
    - target: admission.k8s.gatekeeper.sh
      code:
        - engine: Rego
          source:
            version: v1
            rego: |
              package ownerlabel

              violation contains {"msg": msg} if {
                not input.review.object.metadata.labels[input.parameters.label]
                msg := sprintf("%v %v has no label %v", [input.review.object.kind, input.review.object.metadata.name, input.parameters.label])
              }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: OwnerLabel
metadata:
  name: owner-label
spec:
  enforcementAction: dryrun
  match:
    kinds:
      - {apiGroups: [apps], kinds: [Deployment]}
  parameters:
    label: owner
`;
