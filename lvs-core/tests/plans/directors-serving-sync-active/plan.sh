# sysctls of IPVS
sysctl -w net/ipv4/vs/backup_only=0
# floating addresses
ip address add 172.16.5.11/32 broadcast 172.16.5.11 dev eth0
# arping -c 5 -U -I eth0 172.16.5.11
