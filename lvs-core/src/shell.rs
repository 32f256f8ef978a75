//! Words of a shell command line.

use std::borrow::Cow;

use crate::text::is_control;

/// Returns the text as one word of a POSIX shell, quoted where the shell would read anything else into it.
///
/// Control characters, which a terminal would obey, are printed by the shell itself.
pub(crate) fn quote(word: &str) -> Cow<'_, str> {
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    if !word
        .chars()
        .any(|c| is_control(c) || c == '\n' || c == '\t')
    {
        return Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")));
    }
    let octal = |byte: &u8| match byte {
        b'%' => "%%".to_owned(),
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b' '..=b'$' | b'('..=b',' | b'.' | b'/' => {
            char::from(*byte).to_string()
        }
        _ => format!("\\{byte:03o}"),
    };
    let format: String = word.as_bytes().iter().map(octal).collect();
    Cow::Owned(format!("\"$(printf '{format}')\""))
}

/// Returns whether the shell takes the character as itself wherever it stands in a word.
const fn is_plain(c: char) -> bool {
    matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' | '.' | ',' | ':' | '/' | '@' | '%' | '+')
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn plain_words_stay() {
        for word in [
            "eth0.10",
            "e-h:1",
            "172.16.5.11/16",
            "fd00::1%eth0",
            "a+b@c,d",
        ] {
            assert_eq!(quote(word), word);
        }
        assert_eq!(quote(""), "''");
        assert_eq!(quote("1 2"), "'1 2'");
    }

    #[test]
    fn a_shell_reads_each_word_as_it_is() {
        let every: String = (1..=127_u8).map(char::from).chain(['x']).collect();
        let words = [
            "e$(id)",
            "e;id>&2;#",
            "a;b&c|d`e",
            "x'y\"z*?[a]",
            "~#!%@=,+",
            "\\",
            "a\nb",
            "%s\u{1b}[2J'",
            "\u{9b}2J",
            "\u{202e}evil",
            "网卡",
            "'",
            "!!",
            "{a,b}",
            &every,
        ];
        for word in words {
            let line = format!("printf %s {}", quote(word));
            let output = Command::new("sh").args(["-c", &line]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word, "{line}");
            assert!(output.stderr.is_empty(), "{line}");
            assert!(!quote(word).chars().any(|c| is_control(c) || c == '\n'));
        }
    }
}
