# sysctls
sysctl -w net/ipv4/conf/all/send_redirects=0
sysctl -w net/ipv4/conf/eth0/send_redirects=0
# changed destinations
ipvsadm -e -t 172.16.5.11:80 -r 192.168.1.13:80 -m -w 3
