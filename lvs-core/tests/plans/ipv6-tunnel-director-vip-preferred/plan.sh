# virtual IPs
ip address replace 2001:db8:5::11/128 dev eth0 preferred_lft 0
# renewed destinations
ipvsadm -e -t [2001:db8:5::11]:80 -r [2001:db8:1::12]:80 -i -w 1
