package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// requestCommand asks the API server one thing in a way kubectl cannot:
// under another program's name, with a token, with headers of one's own.
func requestCommand() *cobra.Command {
	var kubeconfig, method, agent, token, body string
	var headers []string
	command := &cobra.Command{
		Use:  "request PATH",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, arguments []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return err
			}
			if token != "" {
				config = rest.AnonymousClientConfig(config)
				config.BearerToken = token
			}
			config.UserAgent = agent
			client, err := rest.HTTPClientFor(config)
			if err != nil {
				return err
			}
			context, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			request, err := http.NewRequestWithContext(context, method, config.Host+arguments[0], strings.NewReader(body))
			if err != nil {
				return err
			}
			request.Header.Set("Content-Type", "application/json")
			for _, header := range headers {
				name, value, _ := strings.Cut(header, ":")
				request.Header.Set(name, strings.TrimSpace(value))
			}
			answer, err := client.Do(request)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			fmt.Fprintln(os.Stderr, answer.Status)
			_, err = io.Copy(os.Stdout, io.LimitReader(answer.Body, 1<<20))
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&kubeconfig, "kubeconfig", "", "where the API server is, and who asks")
	flags.StringVar(&method, "method", http.MethodGet, "HTTP method")
	flags.StringVar(&agent, "user-agent", "", "what the program says it is")
	flags.StringVar(&token, "token", "", "bearer token to ask with instead")
	flags.StringVar(&body, "body", "", "what to send")
	flags.StringArrayVar(&headers, "header", nil, "Name: value")
	return command
}
