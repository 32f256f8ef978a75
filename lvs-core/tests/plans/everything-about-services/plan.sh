# timeouts
ipvsadm --set 600 120 300
# services
ipvsadm -A -u 203.0.113.5:53 -s rr -o
# sysctls of IPVS
sysctl -w net/ipv4/vs/expire_quiescent_template=1
# destinations
ipvsadm -a -t 203.0.113.5:25 -r 10.1.0.1:25 -m -w 1
ipvsadm -a -u 203.0.113.5:53 -r 10.1.0.12:53 -m -w 0
# changed destinations
ipvsadm -e -t 203.0.113.5:25 -r 10.1.0.11:2525 -m -w 3 -x 1000 -y 800
ipvsadm -e -t 203.0.113.5:25 -r 10.1.0.12:25 -m -w 0
# virtual IPs
ip address add 203.0.113.5/28 broadcast 203.0.113.15 dev eth0
