package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientapi "k8s.io/client-go/tools/clientcmd/api"
)

// lifetime is long enough for any test and short enough that a forgotten
// folder is worth nothing.
const lifetime = 7 * 24 * time.Hour

// authority signs certificates of one cluster.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serial      int64
	pem         []byte
}

func newAuthority(folder, name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(lifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	made := &authority{certificate: certificate, key: key, serial: 1, pem: block("CERTIFICATE", der)}
	keyPem, err := private(key)
	if err != nil {
		return nil, err
	}
	if err := write(folder, name+".key", keyPem); err != nil {
		return nil, err
	}
	return made, write(folder, name+".crt", made.pem)
}

// sign makes a certificate and its key, both PEM.
func (a *authority) sign(subject pkix.Name, names []string, addresses []net.IP) ([]byte, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial),
		Subject:      subject,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(lifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		DNSNames:     names,
		IPAddresses:  addresses,
	}
	if len(names)+len(addresses) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	keyPem, err := private(key)
	return block("CERTIFICATE", der), keyPem, err
}

// signTo does the same into NAME.crt and NAME.key.
func (a *authority) signTo(folder, name string, subject pkix.Name, names []string, addresses []net.IP) error {
	certificate, key, err := a.sign(subject, names, addresses)
	if err != nil {
		return err
	}
	if err := write(folder, name+".crt", certificate); err != nil {
		return err
	}
	return write(folder, name+".key", key)
}

// kubeconfig writes credentials for one user; without a user, for nobody
// in particular: what it asks, it asks anonymously.
func (a *authority) kubeconfig(file, server, user string, groups []string) error {
	config := clientapi.NewConfig()
	config.Clusters["seawall-test"] = &clientapi.Cluster{Server: server, CertificateAuthorityData: a.pem}
	config.Contexts["test"] = &clientapi.Context{Cluster: "seawall-test", AuthInfo: user}
	config.CurrentContext = "test"
	if user != "" {
		certificate, key, err := a.sign(pkix.Name{CommonName: user, Organization: groups}, nil, nil)
		if err != nil {
			return err
		}
		config.AuthInfos[user] = &clientapi.AuthInfo{ClientCertificateData: certificate, ClientKeyData: key}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return clientcmd.WriteToFile(*config, file)
}

// identity is somebody the cluster knows by certificate.
type identity struct {
	file, user string
	groups     []string
}

// identities are who a cluster made by kubeadm knows, and the people its
// tests need: an operator, a developer, somebody with no rights at all.
func identities(nodes int) []identity {
	known := []identity{
		{"admin", "kubernetes-admin", []string{"kubeadm:cluster-admins"}},
		{"super-admin", "kubernetes-super-admin", []string{"system:masters"}},
		{"controller-manager", "system:kube-controller-manager", nil},
		{"scheduler", "system:kube-scheduler", nil},
		{"operator", "olive", []string{"ops"}},
		{"developer", "dana", []string{"developers"}},
		{"outsider", "mallory", nil},
		{"anonymous", "", nil},
	}
	for index := range nodes {
		name := nodeName(index)
		known = append(known, identity{name, "system:node:" + name, []string{"system:nodes"}})
	}
	return known
}

// makeKeys writes everything the components authenticate with, once.
func makeKeys(layout layout, server string, nodes int) error {
	keys := layout.path("pki")
	if _, err := os.Stat(filepath.Join(keys, "done")); err == nil {
		return nil
	}
	if err := os.MkdirAll(keys, 0o700); err != nil {
		return err
	}
	ca, err := newAuthority(keys, "ca")
	if err != nil {
		return err
	}
	front, err := newAuthority(keys, "front-proxy-ca")
	if err != nil {
		return err
	}
	loopback := net.IPv4(127, 0, 0, 1)
	names := []string{
		"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local",
	}
	addresses := []net.IP{loopback, net.IPv4(10, 96, 0, 1)}
	if err := ca.signTo(keys, "apiserver", pkix.Name{CommonName: "kube-apiserver"}, names, addresses); err != nil {
		return err
	}
	toKubelet := pkix.Name{CommonName: "kube-apiserver-kubelet-client", Organization: []string{"kubeadm:cluster-admins"}}
	if err := ca.signTo(keys, "apiserver-kubelet-client", toKubelet, nil, nil); err != nil {
		return err
	}
	if err := ca.signTo(keys, "kubelet", pkix.Name{CommonName: "kubelet"}, []string{"localhost"}, []net.IP{loopback}); err != nil {
		return err
	}
	if err := front.signTo(keys, "front-proxy-client", pkix.Name{CommonName: "front-proxy-client"}, nil, nil); err != nil {
		return err
	}
	if err := serviceAccountKeys(keys); err != nil {
		return err
	}
	for _, who := range identities(nodes) {
		if err := ca.kubeconfig(layout.kubeconfig(who.file), server, who.user, who.groups); err != nil {
			return fmt.Errorf("kubeconfig of %s: %w", who.file, err)
		}
	}
	return write(keys, "done", nil)
}

func serviceAccountKeys(folder string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	keyPem, err := private(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := write(folder, "sa.key", keyPem); err != nil {
		return err
	}
	return write(folder, "sa.pub", block("PUBLIC KEY", public))
}

func private(key crypto.PrivateKey) ([]byte, error) {
	signing, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("not an elliptic key: %T", key)
	}
	der, err := x509.MarshalECPrivateKey(signing)
	return block("EC PRIVATE KEY", der), err
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func write(folder, name string, bytes []byte) error {
	return os.WriteFile(filepath.Join(folder, name), bytes, 0o600)
}
