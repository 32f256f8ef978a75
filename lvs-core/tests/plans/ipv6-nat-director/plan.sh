# sysctls
sysctl -w net/ipv6/conf/all/forwarding=1
# addresses
ip address add 2001:db8:1::11/64 dev eth0
# services
ipvsadm -A -t [2001:db8:5::11]:80 -s wlc
# destinations
ipvsadm -a -t [2001:db8:5::11]:80 -r [2001:db8:1::12]:80 -m -w 1
# virtual IPs
ip address add 2001:db8:5::11/128 dev eth0 preferred_lft 0
