use lvs_benches::clusters::Size;
use lvs_core::check;
use std::time::Instant;
fn rss() -> String {
    std::fs::read_to_string("/proc/self/status")
        .unwrap()
        .lines()
        .filter(|l| l.starts_with("VmHWM") || l.starts_with("VmRSS"))
        .collect::<Vec<_>>()
        .join(" ")
}
#[test]
fn t() {
    for vips in [1000, 2000, 4000, 5000] {
        let size = Size {
            vips,
            ports: 1,
            servers: 4,
            routes: 0,
        };
        let cluster = size.cluster();
        let d = size.director(&cluster);
        let s = size.server(&cluster);
        let a = Instant::now();
        let r = check::on_paper(&cluster);
        let p = a.elapsed();
        let a = Instant::now();
        let rd = check::on_node(&cluster, &d);
        let dt = a.elapsed();
        let a = Instant::now();
        let rs = check::on_node(&cluster, &s);
        let st = a.elapsed();
        println!(
            "{vips}: paper {p:?} {} director {dt:?} {} server {st:?} {} {}",
            r.findings().len(),
            rd.findings().len(),
            rs.findings().len(),
            rss()
        );
        let mut codes: std::collections::BTreeMap<_, usize> = Default::default();
        for f in rd.findings().iter().chain(rs.findings()) {
            *codes.entry(f.code.to_string()).or_default() += 1;
        }
        println!("{codes:?}");
    }
}
