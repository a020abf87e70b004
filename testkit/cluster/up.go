package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// patience is how long the cluster may take until it is ready: a machine
// that compiles something beside it is slow.
const patience = 5 * time.Minute

// layout says where in its folder a cluster keeps what.
type layout string

func (l layout) path(parts ...string) string {
	return filepath.Join(append([]string{string(l)}, parts...)...)
}

func (l layout) kubeconfig(name string) string { return l.path("kubeconfig", name) }
func (l layout) key(name string) string        { return l.path("pki", name) }

// options of `cluster up`.
type options struct {
	folder          string
	nodes           int
	auditPolicy     string
	auditLog        string
	auditWebhook    string
	auditFlags      []string
	endsWithStdin   bool
	apiserverFlags  []string
	withoutFillings bool
}

func upCommand() *cobra.Command {
	var chosen options
	command := &cobra.Command{
		Use:           "up",
		Short:         "Start a whole cluster on loopback and stay until told to end",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(*cobra.Command, []string) error { return up(chosen) },
	}
	flags := command.Flags()
	flags.StringVar(&chosen.folder, "folder", "", "where the cluster keeps everything")
	flags.IntVar(&chosen.nodes, "nodes", 2, "stand-ins for nodes")
	flags.StringVar(&chosen.auditPolicy, "audit-policy", "", "policy file; without one nothing is audited")
	flags.StringVar(&chosen.auditLog, "audit-log", "", "file to write audit events to")
	flags.StringVar(&chosen.auditWebhook, "audit-webhook", "", "kubeconfig of who receives audit events")
	flags.StringArrayVar(&chosen.auditFlags, "audit-flag", nil, "further --audit-… flags of the API server")
	flags.StringArrayVar(&chosen.apiserverFlags, "apiserver-flag", nil, "further flags of the API server")
	flags.BoolVar(&chosen.endsWithStdin, "ends-with-stdin", false, "end when standard input does")
	flags.BoolVar(&chosen.withoutFillings, "bare", false, "leave out CoreDNS, kube-proxy and the like")
	if err := command.MarkFlagRequired("folder"); err != nil {
		panic(err)
	}
	return command
}

// up starts every part in its order, says "ready" by a file, and ends all
// of them when it ends itself, however that happens.
func up(chosen options) error {
	folder, err := filepath.Abs(chosen.folder)
	if err != nil {
		return err
	}
	place := layout(folder)
	if err := os.MkdirAll(place.path("log"), 0o700); err != nil {
		return err
	}
	for _, stale := range []string{"ready", "failed"} {
		if err := os.Remove(place.path(stale)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := os.WriteFile(place.path("pid"), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return err
	}
	context, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if chosen.endsWithStdin {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
		}()
	}
	err = runParts(context, cancel, place, chosen)
	if err != nil {
		_ = os.WriteFile(place.path("failed"), []byte(err.Error()), 0o600)
	}
	_ = os.Remove(place.path("ready"))
	_ = os.Remove(place.path("pid"))
	return err
}

func runParts(context context.Context, cancel func(), place layout, chosen options) error {
	ports, err := sparePorts(3 + chosen.nodes)
	if err != nil {
		return err
	}
	server, err := serverAddress(place, ports[0])
	if err != nil {
		return err
	}
	if err := makeKeys(place, "https://"+server, chosen.nodes); err != nil {
		return fmt.Errorf("making keys: %w", err)
	}
	if err := writeSystem(place); err != nil {
		return err
	}
	children := &children{place: place, ended: make(chan error, 16)}
	defer children.stop()

	etcd := fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	peers := fmt.Sprintf("http://127.0.0.1:%d", ports[2])
	children.start("etcd",
		"--name=test", "--data-dir="+place.path("etcd"), "--unsafe-no-fsync",
		"--listen-client-urls="+etcd, "--advertise-client-urls="+etcd,
		"--listen-peer-urls="+peers, "--initial-advertise-peer-urls="+peers,
		"--initial-cluster=test="+peers, "--log-level=warn")
	children.start("kube-apiserver", apiserverFlags(place, chosen, server, etcd)...)

	config, err := clientcmd.BuildConfigFromFlags("", place.kubeconfig("super-admin"))
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ready := func() bool {
		status := 0
		client.RESTClient().Get().AbsPath("/readyz").Do(context).StatusCode(&status)
		return status == http.StatusOK
	}
	if err := children.wait(context, "the API server", ready); err != nil {
		return ending(context, err)
	}
	if err := bindAdministrators(context, client); err != nil {
		return ending(context, err)
	}
	children.start("kube-controller-manager", controllerFlags(place)...)
	children.start("kube-scheduler",
		"--kubeconfig="+place.kubeconfig("scheduler"),
		"--authentication-kubeconfig="+place.kubeconfig("scheduler"),
		"--authorization-kubeconfig="+place.kubeconfig("scheduler"),
		"--bind-address=127.0.0.1", "--secure-port=0", "--leader-elect=true")
	for index := range chosen.nodes {
		children.start("node", "--folder="+string(place), "--index="+strconv.Itoa(index),
			"--port="+strconv.Itoa(ports[3+index]))
	}
	whole := func() bool { return isWhole(context, client, chosen.nodes) }
	if err := children.wait(context, "nodes and service accounts", whole); err != nil {
		return ending(context, err)
	}
	if !chosen.withoutFillings {
		if err := children.once("kubectl", "--kubeconfig="+place.kubeconfig("admin"), "apply",
			"--server-side", "-f", place.path("system.yaml")); err != nil {
			return ending(context, err)
		}
	}
	if err := os.WriteFile(place.path("ready"), []byte(place.kubeconfig("admin")+"\n"), 0o600); err != nil {
		return err
	}
	fmt.Printf("KUBECONFIG=%s\n", place.kubeconfig("admin"))
	select {
	case <-context.Done():
		return nil
	case err := <-children.ended:
		cancel()
		return err
	}
}

// ending hides what failed only because we were told to end.
func ending(context context.Context, err error) error {
	if context.Err() != nil {
		return nil
	}
	return err
}

func apiserverFlags(place layout, chosen options, server, etcd string) []string {
	_, port, _ := net.SplitHostPort(server)
	flags := []string{
		"--bind-address=127.0.0.1", "--secure-port=" + port,
		// Nobody is told to go there: services have no way in without
		// kube-proxy. It may not be a loopback address.
		"--advertise-address=203.0.113.1",
		"--etcd-servers=" + etcd,
		"--allow-privileged=true", "--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction", "--enable-bootstrap-token-auth=true",
		"--service-cluster-ip-range=10.96.0.0/12",
		"--client-ca-file=" + place.key("ca.crt"),
		"--tls-cert-file=" + place.key("apiserver.crt"),
		"--tls-private-key-file=" + place.key("apiserver.key"),
		"--kubelet-certificate-authority=" + place.key("ca.crt"),
		"--kubelet-client-certificate=" + place.key("apiserver-kubelet-client.crt"),
		"--kubelet-client-key=" + place.key("apiserver-kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
		"--proxy-client-cert-file=" + place.key("front-proxy-client.crt"),
		"--proxy-client-key-file=" + place.key("front-proxy-client.key"),
		"--requestheader-client-ca-file=" + place.key("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + place.key("sa.pub"),
		"--service-account-signing-key-file=" + place.key("sa.key"),
	}
	if chosen.auditPolicy != "" {
		flags = append(flags, "--audit-policy-file="+chosen.auditPolicy)
	}
	if chosen.auditLog != "" {
		flags = append(flags, "--audit-log-path="+chosen.auditLog)
	}
	if chosen.auditWebhook != "" {
		flags = append(flags, "--audit-webhook-config-file="+chosen.auditWebhook)
	}
	flags = append(flags, chosen.auditFlags...)
	return append(flags, chosen.apiserverFlags...)
}

func controllerFlags(place layout) []string {
	own := place.kubeconfig("controller-manager")
	return []string{
		"--kubeconfig=" + own, "--authentication-kubeconfig=" + own, "--authorization-kubeconfig=" + own,
		"--bind-address=127.0.0.1", "--secure-port=0", "--leader-elect=true",
		"--use-service-account-credentials=true", "--controllers=*,bootstrapsigner,tokencleaner",
		"--service-account-private-key-file=" + place.key("sa.key"),
		"--root-ca-file=" + place.key("ca.crt"),
		"--cluster-signing-cert-file=" + place.key("ca.crt"),
		"--cluster-signing-key-file=" + place.key("ca.key"),
		"--requestheader-client-ca-file=" + place.key("front-proxy-ca.crt"),
		"--allocate-node-cidrs=true", "--cluster-cidr=10.244.0.0/16",
		"--service-cluster-ip-range=10.96.0.0/12",
	}
}

// isWhole: nodes are ready and the controllers have made what every
// namespace has.
func isWhole(context context.Context, client kubernetes.Interface, nodes int) bool {
	listed, err := client.CoreV1().Nodes().List(context, meta.ListOptions{})
	if err != nil || len(listed.Items) < nodes {
		return false
	}
	for _, node := range listed.Items {
		if len(node.Spec.Taints) > 0 {
			return false
		}
	}
	for _, namespace := range []string{"default", "kube-system"} {
		if _, err := client.CoreV1().ServiceAccounts(namespace).Get(context, "default", meta.GetOptions{}); err != nil {
			return false
		}
		if _, err := client.CoreV1().ConfigMaps(namespace).Get(context, "kube-root-ca.crt", meta.GetOptions{}); err != nil {
			return false
		}
	}
	return true
}

// serverAddress keeps the port a cluster had, so that its kubeconfigs stay
// true when it is started again.
func serverAddress(place layout, port int) (string, error) {
	file := place.path("address")
	if kept, err := os.ReadFile(file); err == nil {
		return string(kept), nil
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return address, os.WriteFile(file, []byte(address), 0o600)
}

// sparePorts finds ports nobody listens on at this moment.
func sparePorts(count int) ([]int, error) {
	ports := make([]int, 0, count)
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// children are the parts, each a process of this file under its own name.
type children struct {
	place layout
	all   []*exec.Cmd
	done  []chan struct{}
	ended chan error
}

func (c *children) command(name string, arguments ...string) *exec.Cmd {
	command := exec.Command("/proc/self/exe", arguments...)
	command.Args[0] = name
	// However we end, they do not outlive us.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	command.Dir = string(c.place)
	return command
}

func (c *children) start(name string, arguments ...string) {
	log := c.place.path("log", name+".log")
	command := c.command(name, arguments...)
	// Three processes on a machine that does other things too.
	command.Env = append(os.Environ(), "GOMAXPROCS=2", "GOGC=75")
	done := make(chan struct{})
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		command.Stdout, command.Stderr = output, output
		err = command.Start()
	}
	if err != nil {
		close(done)
		c.ended <- fmt.Errorf("starting %s: %w", name, err)
		return
	}
	c.all, c.done = append(c.all, command), append(c.done, done)
	go func() {
		err := command.Wait()
		output.Close()
		close(done)
		c.ended <- fmt.Errorf("%s ended (%v): see %s", name, err, log)
	}()
}

func (c *children) once(name string, arguments ...string) error {
	output, err := c.command(name, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %v: %w: %s", name, arguments, err, output)
	}
	return nil
}

func (c *children) wait(context context.Context, what string, ready func() bool) error {
	deadline := time.Now().Add(patience)
	for !ready() {
		select {
		case err := <-c.ended:
			return err
		case <-context.Done():
			return context.Err()
		case <-time.After(200 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not ready after %s; see %s", what, patience, c.place.path("log"))
		}
	}
	return nil
}

// stop ends the parts, last started first, politely and then not.
func (c *children) stop() {
	for index := len(c.all) - 1; index >= 0; index-- {
		_ = c.all[index].Process.Signal(syscall.SIGTERM)
	}
	patience := time.After(5 * time.Second)
	for index, done := range c.done {
		select {
		case <-done:
		case <-patience:
			_ = c.all[index].Process.Kill()
			closed := make(chan time.Time)
			close(closed)
			patience = closed
			<-done
		}
	}
}

func tolerate(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
