//! What the lab needs and the host does not have: a kernel, and Debian's own tools for second opinions.
//!
//! They are fetched once, by apt and with its verification, into cargo's target directory; nothing is
//! installed.

mod apt;
mod kernel;
mod sources;

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::fcntl::{Flock, FlockArg};

use crate::error::{Context, Error, Result};
use crate::home;
use apt::Apt;

/// The suite whose tools are used, and whose kernel where iptables are needed: the kernel of Debian 12.
const BOOKWORM: &str = "bookworm";

/// The suite whose kernel is used unless `LVS_LAB_SUITE` names another one: on its 7.2 a system call costs half of
/// what it costs on 6.1.
const FORKY: &str = "forky";

/// The suites whose kernels are built without iptables.
const WITHOUT_IPTABLES: [&str; 2] = [FORKY, "sid"];

/// `ipvsadm`, `ip`, `sysctl`, `strace`, `nft`, `iptables-legacy`, and the daemons `chronyd`, `keepalived` and `systemd`.
const TOOLS: [&str; 9] = [
    "ipvsadm",
    "iproute2",
    "procps",
    "strace",
    "nftables",
    "iptables",
    "chrony",
    "keepalived",
    "systemd",
];

/// The directory of the tools. Another list of tools needs another name, because an existing directory is
/// never fetched again.
const TOOLS_DIRECTORY: &str = "tools-6";

/// The directory of Debian's prometheus, which few tests need.
const PROMETHEUS_DIRECTORY: &str = "prometheus-1";

/// What is needed of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    Usual,
    /// That of [`BOOKWORM`] if the usual one has no iptables.
    WithIptables,
}

/// Holds the paths of the fetched files.
#[derive(Clone)]
pub(crate) struct Installation {
    /// The lab's directory.
    pub(crate) home: PathBuf,
    /// The user-mode Linux executable.
    pub(crate) linux: PathBuf,
    /// The kernel's directory with `modules.dep`.
    pub(crate) modules: PathBuf,
    /// The root of the unpacked tools, or why there are none.
    pub(crate) tools: Result<PathBuf, String>,
}

/// Finds or fetches the kernel and tools; once in a process, and one process at a time.
pub(crate) fn installation(kernel: Kernel) -> Result<Installation> {
    static USUAL: OnceLock<Result<Installation>> = OnceLock::new();
    static WITH_IPTABLES: OnceLock<Result<Installation>> = OnceLock::new();
    let once = match kernel {
        Kernel::Usual => &USUAL,
        Kernel::WithIptables => &WITH_IPTABLES,
    };
    once.get_or_init(|| install(kernel)).clone()
}

/// Fetches the kernel and tools unless they exist; every guest does so by itself.
///
/// # Errors
/// [`Error::Unavailable`] where the lab cannot run: not x86-64 Linux, no apt, no Debian archive, no network.
pub fn prepare() -> Result<()> {
    installation(Kernel::Usual).map(drop)
}

/// Fetches Debian's prometheus on the host, once, for guests that run [`promtool`](crate::promtool): for the `before`
/// of [`tests!`](crate::tests!). Where it cannot be had, these tests are skipped.
pub fn fetch_prometheus() {
    // It needs no library but the host's own libc.
    if let Err(error) = fetch_packages(PROMETHEUS_DIRECTORY, &["prometheus"]) {
        eprintln!("lvs-lab: no prometheus: {error}");
    }
}

/// Fetches packages of Debian bookworm on the host, once, without those on which they depend, and returns the
/// directory in which they are unpacked.
///
/// It has the given name among the lab's files. Other packages need another name, because an existing directory is
/// never fetched again.
///
/// # Errors
/// [`Error::Unavailable`] where there is no apt, no Debian archive or no network.
pub fn fetch_packages(
    directory: &'static str,
    packages: &'static [&'static str],
) -> Result<PathBuf> {
    let home = home::home()?;
    fetch(&home, &[Product::Packages(directory, packages)])?;
    Ok(home.join(directory))
}

/// Returns the root of Debian's prometheus, if it was fetched.
pub(crate) fn prometheus() -> Result<PathBuf> {
    let root = home::home()?.join(PROMETHEUS_DIRECTORY);
    match root.is_dir() {
        true => Ok(root),
        false => Err(Error::unavailable("Debian's prometheus was not fetched")),
    }
}

fn install(kernel: Kernel) -> Result<Installation> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(Error::unavailable(
            "user-mode Linux is available for x86-64 Linux only",
        ));
    }
    let home = home::home()?;
    let tools = home.join(TOOLS_DIRECTORY);
    if let Some((linux, modules)) = named_kernel()? {
        let fetched = fetch(&home, &[Product::Tools]).map_err(|error| error.to_string());
        return Ok(Installation {
            linux,
            modules,
            tools: fetched.map(|()| tools),
            home,
        });
    }
    let mut suite = suite()?;
    if kernel == Kernel::WithIptables && WITHOUT_IPTABLES.contains(&suite.as_str()) {
        suite = BOOKWORM.to_owned();
    }
    let kernel = home.join(format!("kernel-{suite}"));
    fetch(&home, &[Product::Kernel(suite), Product::Tools])?;
    Ok(Installation {
        linux: kernel.join("linux"),
        modules: kernel.join("modules"),
        tools: Ok(tools),
        home,
    })
}

/// Returns the user's own kernel: `LVS_LAB_KERNEL` and `LVS_LAB_MODULES`, both or neither.
fn named_kernel() -> Result<Option<(PathBuf, PathBuf)>> {
    let path = |name| match env::var_os(name).map(PathBuf::from) {
        Some(path) => path.canonicalize().on(name, &path).map(Some),
        None => Ok(None),
    };
    match (path("LVS_LAB_KERNEL")?, path("LVS_LAB_MODULES")?) {
        (Some(linux), Some(modules)) => Ok(Some((linux, modules))),
        (None, None) => Ok(None),
        _ => Err(Error::failed(
            "LVS_LAB_KERNEL (a user-mode Linux executable) and LVS_LAB_MODULES \
             (its directory with modules.dep) go together",
        )),
    }
}

fn suite() -> Result<String> {
    let suite = env::var("LVS_LAB_SUITE").unwrap_or_else(|_| FORKY.to_owned());
    match suite.bytes().all(|byte| byte.is_ascii_lowercase()) && !suite.is_empty() {
        true => Ok(suite),
        false => Err(Error::failed(format!(
            "LVS_LAB_SUITE={suite:?} is not the name of a Debian suite: bullseye, bookworm, trixie, forky, sid"
        ))),
    }
}

/// A directory in the lab's home that is complete or does not exist.
enum Product {
    /// The kernel of a suite.
    Kernel(String),
    Tools,
    /// These packages in a directory of this name.
    Packages(&'static str, &'static [&'static str]),
}

impl Product {
    fn directory(&self) -> String {
        match self {
            Self::Kernel(suite) => format!("kernel-{suite}"),
            Self::Tools => TOOLS_DIRECTORY.to_owned(),
            Self::Packages(directory, _) => (*directory).to_owned(),
        }
    }

    fn suite(&self) -> &str {
        match self {
            Self::Kernel(suite) => suite,
            Self::Tools | Self::Packages(..) => BOOKWORM,
        }
    }

    /// Makes the product in `stage`; `place` is its final place.
    fn make(&self, apt: &Apt, stage: &Path, place: &Path) -> Result<()> {
        match self {
            Self::Kernel(suite) => kernel::make(apt, suite, stage, place),
            Self::Tools => {
                let packages = apt.with_libraries(BOOKWORM, &TOOLS)?;
                apt.unpack(BOOKWORM, &packages, stage)
            }
            Self::Packages(_, packages) => apt.unpack(BOOKWORM, packages, stage),
        }
    }
}

/// Fetches missing products, under a lock, and moves each to its place by a rename.
fn fetch(home: &Path, products: &[Product]) -> Result<()> {
    let complete = |product: &&Product| home.join(product.directory()).is_dir();
    if products.iter().all(|product| complete(&product)) {
        return Ok(());
    }
    let path = home.join("lock");
    let file = File::create(&path).on("create", &path)?;
    let _lock = Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| errno)
        .on("lock", &path)?;
    let missing: Vec<&Product> = products
        .iter()
        .filter(|product| !complete(product))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!(
        "lvs-lab: fetching packages of Debian into {}, once",
        home.display()
    );
    // The holder of the lock is alone: files there are left from an interrupted run.
    let work = home.join("fetching");
    drop(fs::remove_dir_all(&work));
    let result = fetch_missing(home, &work, &missing);
    drop(fs::remove_dir_all(&work));
    result
}

fn fetch_missing(home: &Path, work: &Path, missing: &[&Product]) -> Result<()> {
    let suites: Vec<&str> = missing.iter().map(|product| product.suite()).collect();
    let apt = Apt::new(&work.join("apt"), &suites)?;
    for product in missing {
        let name = product.directory();
        let (stage, place) = (work.join(&name), home.join(&name));
        fs::create_dir_all(&stage).on("create", &stage)?;
        product.make(&apt, &stage, &place)?;
        fs::rename(&stage, &place).on("create", &place)?;
    }
    Ok(())
}
