//! `lvsctl`: a thin program on lvs-core.
fn main() {}
