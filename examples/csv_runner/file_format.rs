//! Files that are recognisably not CSV in UTF-8: [`not_csv`].

/// How many bytes of the beginning [`not_csv`] looks at.
pub(crate) const BEGIN: u64 = 8;

const UTF_16: &str = "it is UTF-16, not UTF-8: convert it first, as by iconv -f UTF-16 -t UTF-8";

/// Returns what a file is that begins with these bytes, and how to make CSV of it, if it is one of the
/// formats that are often given by mistake. The CSV reader would only find a strange header in them.
pub(crate) fn not_csv(begin: &[u8]) -> Option<&'static str> {
    Some(match begin {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => {
            "it is UTF-32, not UTF-8: convert it first, as by iconv -f UTF-32 -t UTF-8"
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => UTF_16,
        // Without a byte order mark, every other byte of ASCII is zero.
        [0, first, 0, second, ..] | [first, 0, second, 0, ..] if *first != 0 && *second != 0 => {
            UTF_16
        }
        [0x1f, 0x8b, ..] => "it is compressed by gzip: decompress it first, as by gzip -dc",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            "it is compressed by zstd: decompress it first, as by zstd -dc"
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            "it is compressed by xz: decompress it first, as by xz -dc"
        }
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => {
            "it is compressed by bzip2: decompress it first, as by bzip2 -dc"
        }
        [b'P', b'K', 3, 4, ..] => {
            "it is a ZIP archive or a spreadsheet: unpack it, or export it as CSV, first"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin_of(text: &str, encode: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(encode).take(8).collect()
    }

    #[test]
    fn utf_16_is_recognised_with_and_without_a_mark() {
        for text in ["\u{feff}task_id,task_type\n", "task_id,task_type\n"] {
            for begin in [
                begin_of(text, u16::to_le_bytes),
                begin_of(text, u16::to_be_bytes),
            ] {
                assert!(
                    not_csv(&begin).is_some_and(|is| is.contains("UTF-16")),
                    "{begin:?}"
                );
            }
        }
    }

    #[test]
    fn csv_is_not_taken_for_anything_else() {
        for text in [
            "",
            "t",
            "task_id,task_type\n",
            "\u{feff}task_id",
            "PK,task_id",
            "BZhang,task_id",
        ] {
            assert_eq!(not_csv(text.as_bytes()), None, "{text}");
        }
    }
}
