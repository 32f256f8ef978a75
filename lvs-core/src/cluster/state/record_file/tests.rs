//! Records are whole or not at all, and each is of one kernel and one namespace.

use super::*;
use crate::cluster::{Draining, Role};

fn record() -> Record {
    Record::new("web".parse().unwrap(), "director".parse().unwrap())
}

fn file_in(directory: &Path) -> RecordFile {
    RecordFile::of(directory, record().cluster(), record().node())
}

fn written() -> (tempfile::TempDir, RecordFile) {
    let directory = tempfile::tempdir().unwrap();
    let file = file_in(directory.path());
    file.write(&record()).unwrap();
    (directory, file)
}

#[test]
fn what_was_written_is_read() {
    let (directory, file) = written();
    assert_eq!(file.read().unwrap(), Some(record()));
    assert_eq!(
        RecordFile::all(directory.path()).unwrap(),
        std::slice::from_ref(&file)
    );
    file.delete().unwrap();
    file.delete().unwrap();
    assert_eq!(file.read().unwrap(), None);
}

#[test]
fn every_cut_is_refused_and_says_what_to_do() {
    let (_directory, file) = written();
    let whole = fs::read(file.path()).unwrap();
    for end in 0..whole.len() {
        fs::write(file.path(), &whole[..end]).unwrap();
        let error = file.read().unwrap_err();
        assert!(
            error.is_invalid() && error.hint().unwrap().contains("delete it"),
            "{error}"
        );
    }
}

#[test]
fn one_that_cannot_be_written_leaves_the_old_one() {
    let (_directory, file) = written();
    fs::create_dir(file.path().with_extension("json.new")).unwrap();
    let error = file.write(&record()).unwrap_err();
    assert!(error.to_string().contains("web@director.json"), "{error}");
    assert_eq!(file.read().unwrap(), Some(record()));
}

#[test]
fn drains_and_the_role_outlive_a_reboot() {
    let directory = tempfile::tempdir().unwrap();
    let mut drained = record();
    drained.role = Some(Role::Standby);
    drained.drains = [("192.168.1.12".parse().unwrap(), Draining::Quiet)].into();
    let file = file_in(directory.path());
    file.write(&drained).unwrap();
    // The reboot: /run is empty, and the kernel another one.
    fs::remove_file(file.path()).unwrap();
    let lasting = lasting::directory(directory.path()).join(&file.name);
    let text = fs::read_to_string(&lasting).unwrap();
    fs::write(&lasting, text.replacen("\"boot\": \"", "\"boot\": \"0", 1)).unwrap();
    assert_eq!(
        RecordFile::all(directory.path()).unwrap(),
        std::slice::from_ref(&file)
    );
    assert_eq!(file.read().unwrap(), Some(drained));
    file.write(&record()).unwrap();
    assert!(!lasting.exists());
}

#[test]
fn one_of_another_boot_tells_nothing() {
    let (_directory, file) = written();
    let text = fs::read_to_string(file.path()).unwrap();
    let other = text.replacen("\"boot\": \"", "\"boot\": \"0", 1);
    let other = other.replace("\"applied\": false", "\"applied\": true");
    fs::write(file.path(), other).unwrap();
    assert!(!file.read().unwrap().unwrap().is_applied());
}

/// Makes a record that of another namespace.
fn elsewhere(file: &RecordFile) -> String {
    let text = fs::read_to_string(file.path()).unwrap();
    let other = text
        .replacen("\"cookie\": ", "\"cookie\": 9", 1)
        .replacen("\"inode\": ", "\"inode\": 9", 1)
        .replacen("\"applied\": false", "\"applied\": true", 1);
    assert_ne!(other, text);
    fs::write(file.path(), &other).unwrap();
    other
}

#[test]
fn two_namespaces_keep_two_records() {
    let (directory, file) = written();
    let other = elsewhere(&file);
    assert!(!file.read().unwrap().unwrap().is_applied());
    let mut own = record();
    own.applied = true;
    file.write(&own).unwrap();
    assert_eq!(fs::read_to_string(file.path()).unwrap(), other);
    assert_eq!(file.read().unwrap(), Some(own));
    assert_eq!(
        RecordFile::all(directory.path()).unwrap(),
        std::slice::from_ref(&file)
    );

    let lb1 = "lb1".parse().unwrap();
    let renamed = RecordFile::of(directory.path(), record().cluster(), &lb1);
    file.rename(&renamed).unwrap();
    assert_eq!(*renamed.read().unwrap().unwrap().node(), lb1);
    renamed.rename(&file).unwrap();
    file.delete().unwrap();
    assert_eq!(fs::read_to_string(file.path()).unwrap(), other);
    assert!(!file.exists().unwrap());
}

#[test]
fn what_was_removed_in_another_namespace_is_replaced() {
    let (directory, file) = written();
    let other = elsewhere(&file).replace("\"applied\": true", "\"applied\": false");
    fs::write(file.path(), other).unwrap();
    file.write(&record()).unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}
