# links and forwarding
ip link set dev eth1 up
