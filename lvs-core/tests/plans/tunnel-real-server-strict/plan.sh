# sysctls
sysctl -w net/ipv4/conf/tunl0/rp_filter=2
# last routes
ip route add 172.16.5.11/32 dev tunl0 scope link proto 76
ip route replace default via 10.1.1.254 dev eth0 advmss 1440 proto 76
