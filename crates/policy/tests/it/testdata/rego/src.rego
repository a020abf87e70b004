package ports

low[port] {
  port := input.ports[_]
  port < 1024
} {
  port := input.udp[_]
  port < 1024
}
