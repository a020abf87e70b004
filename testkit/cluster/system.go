package main

import (
	"context"
	_ "embed"
	"os"

	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// system is what an installer puts into a new cluster, as far as its
// objects, names and rights go.
//
//go:embed system.yaml
var system []byte

func writeSystem(place layout) error {
	return os.WriteFile(place.path("system.yaml"), system, 0o600)
}

// bindAdministrators gives the administrators' group its rights, as
// kubeadm does with the credentials that need none.
func bindAdministrators(context context.Context, client kubernetes.Interface) error {
	_, err := client.RbacV1().ClusterRoleBindings().Create(context, &rbac.ClusterRoleBinding{
		ObjectMeta: meta.ObjectMeta{Name: "kubeadm:cluster-admins"},
		RoleRef:    rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbac.Subject{{APIGroup: rbac.GroupName, Kind: "Group", Name: "kubeadm:cluster-admins"}},
	}, meta.CreateOptions{})
	return tolerate(err)
}
