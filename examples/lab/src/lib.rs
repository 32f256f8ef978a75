//! A real kernel with IPVS, booted as an ordinary process without root.
