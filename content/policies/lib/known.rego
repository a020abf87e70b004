# Components of Kubernetes itself and of those who run it: what they ask
# for is their work, and nobody but their maker can change it. Whoever can
# put something among them rules the cluster already. What images they run
# is judged all the same.
package lib.known

import data.lib.review

component if {
	some entry in components
	entry.namespace == review.namespace
	some start in entry.names
	startswith(review.called, start)
}

components := [
	{
		"namespace": "kube-system",
		"names": ["etcd-", "kube-apiserver-", "kube-controller-manager-", "kube-scheduler-"],
		"reason": "static pods of the control plane, written as files on its nodes and judged there",
	},
	{
		"namespace": "kube-system",
		"names": ["kube-proxy"],
		"reason": "programs each node's packet filter, which needs its network and privileges",
	},
	{
		"namespace": "kube-system",
		"names": ["coredns", "kube-dns"],
		"reason": "name resolution, laid down by the installer, which puts it back",
	},
	{
		"namespace": "kube-system",
		"names": ["metrics-server", "konnectivity-agent", "cloud-controller-manager", "cluster-autoscaler"],
		"reason": "laid down by whoever runs the control plane, and put back when changed",
	},
	{
		"namespace": "kube-system",
		"names": ["calico-", "cilium", "canal", "weave-net", "kube-flannel", "antrea-", "kindnet", "kube-router"],
		"reason": "network plug-ins build each pod's network from the node's",
	},
	{
		"namespace": "kube-flannel",
		"names": ["kube-flannel"],
		"reason": "a network plug-in builds each pod's network from the node's",
	},
	{
		"namespace": "calico-system",
		"names": ["calico-", "csi-node-driver"],
		"reason": "a network plug-in builds each pod's network from the node's",
	},
	{
		"namespace": "tigera-operator",
		"names": ["tigera-operator"],
		"reason": "installs the network plug-in before there is a network",
	},
	{
		"namespace": "kube-system",
		"names": [
			"azure-", "cloud-node-manager", "csi-azure", "aks-secrets-store", "ama-", "microsoft-defender",
			"konnectivity-", "coredns-autoscaler", "retina-", "eraser-",
		],
		"reason": "add-ons AKS lays down, and puts back when changed",
	},
	{
		"namespace": "kube-system",
		"names": ["aws-node", "ebs-csi-", "efs-csi-", "eks-pod-identity-agent", "eks-node-monitoring-agent"],
		"reason": "add-ons EKS lays down",
	},
	{
		"namespace": "kube-system",
		"names": [
			"anetd", "fluentbit-gke", "gke-", "pdcsi-node", "netd", "ip-masq-agent", "metadata-proxy",
			"event-exporter-gke", "l7-default-backend", "maintenance-handler", "nccl-", "nvidia-gpu-device-plugin",
		],
		"reason": "add-ons GKE lays down, and puts back when changed",
	},
	{
		"namespace": "local-path-storage",
		"names": ["local-path-provisioner", "helper-pod"],
		"reason": "makes volumes of the node's folders",
	},
	{
		"namespace": "seawall",
		"names": ["seawall-sensor"],
		"reason": "watches the node from the kernel, which needs its namespaces and privileges",
	},
	{
		"namespace": "gatekeeper-system",
		"names": ["gatekeeper-"],
		"reason": "admission control of its own, whose webhooks must reach the API server",
	},
]

namespaces := {"kube-system", "kube-public", "kube-node-lease", "gatekeeper-system", "seawall"}

system_namespace if review.namespace in namespaces

# Roles and bindings the API server makes at its start, and mends again.
# The label alone is anybody's to set; it counts with their names only.
bootstrapped if {
	review.labels["kubernetes.io/bootstrapping"] == "rbac-defaults"
	default_name(review.called)
}

bootstrapped if review.called in installed

default_name(called) if startswith(called, "system:")

default_name(called) if called in {"cluster-admin", "admin", "edit", "view"}

# Made by kubeadm and by name resolution's installer, under names of the
# control plane's own.
installed := {
	"kubeadm:bootstrap-signer-clusterinfo",
	"kubeadm:cluster-admins",
	"kubeadm:get-nodes",
	"kubeadm:kubelet-bootstrap",
	"kubeadm:kubelet-config",
	"kubeadm:kubeadm-certs",
	"kubeadm:node-autoapprove-bootstrap",
	"kubeadm:node-autoapprove-certificate-rotation",
	"kubeadm:node-proxier",
	"kubeadm:nodes-kubeadm-config",
	"system:coredns",
}

# Kinds of workloads, by the words their path in the API has.
workloads := {
	"Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob",
}
