package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	consts "k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/kubelet/pkg/cri/streaming/portforward"
	streams "k8s.io/kubelet/pkg/cri/streaming/remotecommand"
)

// The kubelet's own API, as far as the API server asks for it: what people
// do with `kubectl exec`, `attach`, `port-forward` and `logs` goes on from
// the API server to here, and is answered, so that the API server records
// it as it records what works. Nothing is run.
const silence = "nothing runs here\n"

// serve answers the API server alone: whoever else asks has no
// certificate of this cluster's.
func (n *node) serve(context context.Context) error {
	pool := x509.NewCertPool()
	ca, err := os.ReadFile(n.place.key("ca.crt"))
	if err != nil {
		return err
	}
	if !pool.AppendCertsFromPEM(ca) {
		return errors.New("the cluster's ca.crt has no certificate")
	}
	routes := http.NewServeMux()
	routes.HandleFunc("/exec/{namespace}/{pod}/{container}", n.exec)
	routes.HandleFunc("/attach/{namespace}/{pod}/{container}", n.attach)
	routes.HandleFunc("/portForward/{namespace}/{pod}", n.portForward)
	routes.HandleFunc("/containerLogs/{namespace}/{pod}/{container}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, silence)
	})
	routes.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	routes.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}\n")
	})
	server := &http.Server{
		Addr:              fmt.Sprintf("127.0.0.1:%d", n.port),
		Handler:           routes,
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12},
	}
	go func() {
		<-context.Done()
		server.Close()
	}()
	err = server.ListenAndServeTLS(n.place.key("kubelet.crt"), n.place.key("kubelet.key"))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (n *node) exec(w http.ResponseWriter, r *http.Request) {
	options, err := streams.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	streams.ServeExec(w, r, idle{}, r.PathValue("pod"), "", r.PathValue("container"), r.URL.Query()["command"],
		options, time.Minute, consts.DefaultStreamCreationTimeout, consts.SupportedStreamingProtocols)
}

func (n *node) attach(w http.ResponseWriter, r *http.Request) {
	options, err := streams.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	streams.ServeAttach(w, r, idle{}, r.PathValue("pod"), "", r.PathValue("container"),
		options, time.Minute, consts.DefaultStreamCreationTimeout, consts.SupportedStreamingProtocols)
}

func (n *node) portForward(w http.ResponseWriter, r *http.Request) {
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, idle{}, r.PathValue("pod"), "", options,
		time.Minute, consts.DefaultStreamCreationTimeout, portforward.SupportedProtocols)
}

// idle is a container in which nothing happens, successfully.
type idle struct{}

func (idle) ExecInContainer(_ context.Context, _ string, _ types.UID, _ string, command []string, _ io.Reader,
	out, _ io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration,
) error {
	if out != nil {
		_, _ = fmt.Fprintf(out, "%s: %s", strings.Join(command, " "), silence)
	}
	return nil
}

func (idle) AttachContainer(_ context.Context, _ string, _ types.UID, _ string, _ io.Reader,
	out, _ io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize,
) error {
	if out != nil {
		_, _ = io.WriteString(out, silence)
	}
	return nil
}

func (idle) PortForward(_ context.Context, _ string, _ types.UID, _ int32, stream io.ReadWriteCloser) error {
	_, err := io.WriteString(stream, silence)
	return errors.Join(err, stream.Close())
}

func jsonOf(value any) ([]byte, error) { return json.Marshal(value) }
