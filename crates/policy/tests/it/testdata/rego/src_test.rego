package ports

test_low_ports_of_both_sorts {
  low == {22, 53} with input as {"ports": [22, 8080], "udp": [53]}
}

test_nothing_is_low {
  count(low) == 0 with input as {}
}

todo_test_later {
  false
}
