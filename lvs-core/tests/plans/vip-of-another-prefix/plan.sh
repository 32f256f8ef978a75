# virtual IPs
ip address add 172.16.5.11/32 broadcast 172.16.5.11 dev eth0
