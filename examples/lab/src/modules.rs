//! Kernel modules, loaded without a helper program: `modules.dep` lists the dependencies.

use std::collections::HashSet;
use std::ffi::CString;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::kmod::{DeleteModuleFlags, ModuleInitFlags, delete_module, finit_module};

use crate::error::{Context, Error, Result};
use crate::guest::{guest_variable, variable};
use crate::spec::Spec;

/// The modules of every guest: ip_vs with three schedulers, and those that connect namespaces.
///
/// The other schedulers are not loaded, so that a test can see the refusal of an unknown one.
const AT_BOOT: [&str; 7] = [
    "ip_vs",
    "ip_vs_rr",
    "ip_vs_wrr",
    "ip_vs_wlc",
    "veth",
    "bridge",
    "dummy",
];

/// Loads a module, as `ip_vs_sh`, and its dependencies. That it is loaded already or built in is no error.
///
/// # Errors
/// There is no such module, or the kernel refuses it.
pub fn load_module(name: &str) -> Result<()> {
    match guest_variable(variable::MODULES) {
        Ok(directory) => load(Path::new(&directory), &[name]),
        Err(_) => modprobe(name),
    }
}

/// Unloads a module: `ip_vs`, after every `ip_vs_*` that needs it.
///
/// # Errors
/// It is not loaded, or in use.
pub fn unload_module(name: &str) -> Result<()> {
    let what = format!("unload module {name}");
    let name = CString::new(name).map_err(|e| Error::failed(e.to_string()))?;
    delete_module(&name, DeleteModuleFlags::O_NONBLOCK).context(what)
}

/// Returns the names of all loaded modules.
///
/// # Errors
/// `/proc/modules` cannot be read.
pub fn loaded_modules() -> Result<Vec<String>> {
    let text = fs::read_to_string("/proc/modules").context("read /proc/modules")?;
    Ok(text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect())
}

pub(crate) fn load_at_boot(spec: &Spec) -> Result<()> {
    let directory = spec
        .variable(variable::MODULES)
        .ok_or_else(|| Error::failed("no module directory"))?;
    load(Path::new(&directory), &AT_BOOT)
}

/// Loads a module with the host's modprobe, for `LVS_LAB=host`.
fn modprobe(name: &str) -> Result<()> {
    let status = Command::new("modprobe").arg(name).status();
    match status
        .context(format_args!("run modprobe {name}"))?
        .success()
    {
        true => Ok(()),
        false => Err(Error::failed(format!("modprobe {name} failed"))),
    }
}

fn load(directory: &Path, names: &[&str]) -> Result<()> {
    let read = |name: &str| {
        let path = directory.join(name);
        fs::read_to_string(&path).on("read", &path)
    };
    let dependencies = read("modules.dep")?;
    let mut builtin = None;
    let mut done = HashSet::new();
    for name in names {
        let Some(files) = files(&dependencies, name) else {
            let builtin = match &builtin {
                Some(builtin) => builtin,
                None => builtin.insert(read("modules.builtin")?),
            };
            if builtin.lines().any(|path| is_module(path, name)) {
                continue;
            }
            return Err(Error::failed(format!("this kernel has no module {name}")));
        };
        for file in files.into_iter().filter(|file| done.insert(*file)) {
            insert(&directory.join(file))?;
        }
    }
    Ok(())
}

/// Returns the files of a module in the order of loading; `modules.dep` names the last one first.
fn files<'a>(dependencies: &'a str, name: &str) -> Option<Vec<&'a str>> {
    dependencies.lines().find_map(|line| {
        let (file, needs) = line.split_once(':')?;
        is_module(file, name).then(|| needs.split_whitespace().rev().chain([file]).collect())
    })
}

/// Returns whether a file is that module: file names use `-` and `_` alike.
fn is_module(path: &str, name: &str) -> bool {
    path.rsplit('/')
        .next()
        .and_then(|file| file.strip_suffix(".ko"))
        .is_some_and(|stem| stem.replace('-', "_") == name.replace('-', "_"))
}

/// Returns whether the module is there already: to be told so by the kernel, it would have to read the file first.
fn is_loaded(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Path::new("/sys/module")
        .join(name.replace('-', "_"))
        .exists()
}

fn insert(path: &Path) -> Result<()> {
    if is_loaded(path) {
        return Ok(());
    }
    let file = File::open(path).on("open", path)?;
    match finit_module(&file, c"", ModuleInitFlags::empty()) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(errno).on("load", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEP: &str = "kernel/lib/crc-ccitt.ko:\n\
        kernel/net/ipv6/ipv6.ko: kernel/lib/crc-ccitt.ko\n\
        kernel/net/ipvs/ip_vs.ko: kernel/net/nf.ko kernel/net/ipv6/ipv6.ko kernel/lib/crc-ccitt.ko\n";

    #[test]
    fn dependencies_come_first() {
        let expected = [
            "kernel/lib/crc-ccitt.ko",
            "kernel/net/ipv6/ipv6.ko",
            "kernel/net/nf.ko",
            "kernel/net/ipvs/ip_vs.ko",
        ];
        assert_eq!(files(DEP, "ip_vs").unwrap(), expected);
        assert_eq!(files(DEP, "crc_ccitt").unwrap().len(), 1);
        assert_eq!(files(DEP, "ip_vs_rr"), None);
    }
}
