//! What is copied and never rendered: binary files, as cookiecutter tells them.

/// Endings of names that say so.
const ENDINGS: [&str; 138] = [
    "3ds", "7z", "aac", "accdb", "aif", "aiff", "alac", "ape", "arrow", "avi", "avif", "avro", "bin", "blend", "bmp",
    "bz2", "cab", "class", "com", "cr2", "cr3", "dae", "db", "dbf", "dll", "dmg", "dng", "doc", "docx", "dwf", "dwg",
    "dxb", "eot", "epub", "exe", "fbx", "fit", "fits", "flac", "flv", "fw", "gba", "gif", "glb", "gz", "hdf5", "heic",
    "heif", "ico", "img", "iso", "jar", "jfif", "jp2", "jpeg", "jpg", "jxl", "lz", "lz4", "lzma", "m4a", "m4v", "mat",
    "mdb", "mid", "midi", "mkv", "mobi", "mov", "mp3", "mp4", "mpeg", "mpg", "msi", "n64", "nds", "nef", "nes", "npy",
    "npz", "o", "odt", "ogg", "ogv", "opus", "orf", "otf", "pages", "pak", "parquet", "pcap", "pcapng", "pdf", "png",
    "ppt", "pptx", "psd", "pyc", "pyo", "qcow2", "rar", "raw", "rom", "sav", "sfc", "shp", "shx", "smc", "so",
    "sqlite", "sqlite3", "step", "stl", "stp", "tar", "tif", "tiff", "ttc", "ttf", "usdz", "vdi", "vhd", "vmdk",
    "wasm", "wav", "webm", "webp", "wma", "wmv", "woff", "woff2", "xcf", "xls", "xlsx", "xz", "z", "zip", "zst",
];

/// How such files begin, in hexadecimal.
const BEGINNINGS: [&str; 56] = [
    "0000000142756431",
    "0000001866747970",
    "0000001c6674797068656963",
    "00000100",
    "0001000000",
    "0061736d",
    "04224d18",
    "1a45dfa3",
    "1f8b08",
    "213c617263683e0a",
    "255044462d312e",
    "28b52ffd",
    "303730373031",
    "377abcaf271c",
    "38425053",
    "4152524f5731",
    "4243c0de",
    "424d",
    "425a68",
    "474946383761",
    "474946383961",
    "494433",
    "49492a00",
    "4d4d002a",
    "4d546864",
    "4d5a",
    "4f54544f",
    "4f626a01",
    "4f676753",
    "5041434b",
    "50415231",
    "504b0304",
    "52494646",
    "524946460000000057454250",
    "526172211a07",
    "53514c69746520666f726d6174203300",
    "5d0000",
    "62706c697374",
    "6465780a",
    "664c6143",
    "774f4632",
    "774f4646",
    "7f454c46",
    "89504e470d0a1a0a",
    "a1b2c3d4",
    "cafebabe",
    "cefaedfe",
    "cffaedfe",
    "d0cf11e0a1b11ae1",
    "fd377a585a00",
    "feedface",
    "feedfacf",
    "feedfeed",
    "ff060000734e61507059",
    "ffd8ffe0",
    "ffd8ffe1",
];

/// How much of a file is looked at.
const LOOK: usize = 512;

/// What decides about the rest, as binaryornot 0.6 learnt it: feature, threshold, where to go up to it and beyond it;
/// -1 is binary, -2 is text.
const TREE: [(usize, f64, i16, i16); 86] = [
    (1, 0.000977, 1, 26),
    (17, 0.000977, 2, 6),
    (4, 0.5, 3, -2),
    (22, 0.5, 4, -2),
    (7, 1.953445, -1, 5),
    (7, 2.74947, -2, -1),
    (4, 0.5, 7, -2),
    (17, 0.063636, 8, 9),
    (7, 2.021329, -1, -2),
    (7, 3.047898, -2, 10),
    (2, 0.758706, 11, -2),
    (17, 0.134848, 12, 17),
    (3, 0.633612, 13, 16),
    (7, 3.851786, -2, 14),
    (3, 0.483333, -2, 15),
    (17, 0.129167, -1, -2),
    (2, 0.145455, -2, -1),
    (19, 0.5, 18, 25),
    (7, 3.572021, 19, 21),
    (3, 0.49, 20, -1),
    (2, 0.651515, -2, -1),
    (2, 0.615079, 22, 24),
    (20, 0.5, -1, 23),
    (17, 0.176923, -2, -1),
    (17, 0.252381, -2, -1),
    (7, 3.889752, -1, -2),
    (0, 0.163978, 27, 68),
    (4, 0.5, 28, 66),
    (7, 3.264621, 29, 34),
    (17, 0.022678, 30, 32),
    (2, 0.000977, 31, -1),
    (5, 0.001953, -2, -1),
    (1, 0.095455, 33, -2),
    (17, 0.306818, -2, -1),
    (10, 0.5, 35, -2),
    (2, 0.455534, 36, 46),
    (3, 0.79057, 37, -2),
    (1, 0.485714, 38, -2),
    (7, 3.540884, 39, 43),
    (7, 3.528408, 40, -2),
    (2, 0.316667, 41, -1),
    (2, 0.286364, -1, 42),
    (13, 0.5, -2, -1),
    (2, 0.446657, -1, 44),
    (17, 0.066638, 45, -1),
    (2, 0.450099, -2, -1),
    (3, 0.425959, 47, 58),
    (3, 0.394552, 48, 53),
    (7, 4.209417, 49, -1),
    (7, 4.175213, 50, -2),
    (3, 0.100962, -2, 51),
    (3, 0.248047, -1, 52),
    (17, 0.106443, -2, -1),
    (17, 0.082906, -2, 54),
    (1, 0.025, -2, 55),
    (7, 3.520764, -2, 56),
    (1, 0.1225, -1, 57),
    (0, 0.033333, -2, -1),
    (17, 0.098599, 59, 61),
    (1, 0.012902, -1, 60),
    (23, 0.5, -2, -1),
    (7, 4.453697, 62, -1),
    (3, 0.472136, 63, -1),
    (17, 0.121324, -2, 64),
    (17, 0.302885, 65, -2),
    (7, 3.539612, -2, -1),
    (1, 0.45, 67, -1),
    (1, 0.006212, -1, -2),
    (23, 0.5, 69, -1),
    (3, 0.082843, 70, 76),
    (6, 0.282534, -2, 71),
    (7, 3.088801, 72, 75),
    (0, 0.822852, 73, -1),
    (2, 0.291667, -2, 74),
    (1, 0.521739, -2, -1),
    (5, 0.140625, -2, -1),
    (17, 0.291667, 77, -1),
    (7, 0.698576, -1, 78),
    (7, 5.613847, 79, 85),
    (2, 0.361264, 80, 83),
    (20, 0.5, -2, 81),
    (14, 0.5, 82, -2),
    (0, 0.379808, -2, -1),
    (2, 0.408333, 84, -2),
    (1, 0.26, -2, -1),
    (17, 0.012485, -2, -1),
];

/// Whether a file is binary, by its name and its first bytes.
pub fn is_binary(name: &str, bytes: &[u8]) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    let ending = last
        .trim_start_matches('.')
        .rsplit_once('.')
        .map(|(_, e)| e.to_lowercase());
    if ending.is_some_and(|e| ENDINGS.contains(&e.as_str())) {
        return true;
    }
    let head = &bytes[..bytes.len().min(LOOK)];
    if head.is_empty() {
        return false;
    }
    let f = features(head);
    let mut at = 0_i16;
    while let Some((feature, most, low, high)) = usize::try_from(at).ok().and_then(|n| TREE.get(n)) {
        at = if f[*feature] <= *most { *low } else { *high };
    }
    at == -1
}

fn features(chunk: &[u8]) -> [f64; 24] {
    let n = chunk.len() as f64;
    let share = |test: fn(u8) -> bool| chunk.iter().filter(|b| test(**b)).count() as f64 / n;
    let nulls = |odd: usize| {
        let all: Vec<u8> = chunk.iter().skip(odd).step_by(2).copied().collect();
        let zero = all.iter().filter(|b| **b == 0).count() as f64;
        if all.is_empty() { 0.0 } else { zero / all.len() as f64 }
    };
    let mut counts = [0_u32; 256];
    chunk.iter().for_each(|b| counts[usize::from(*b)] += 1);
    let shares = counts.iter().filter(|c| **c > 0).map(|c| f64::from(*c) / n);
    let entropy: f64 = -shares.map(|p| p * p.log2()).sum::<f64>();
    let printable = |b: &u8| (0x20..=0x7e).contains(b) || [9, 10, 13].contains(b);
    let longest = chunk.split(|b| !printable(b)).map(<[u8]>::len).max().unwrap_or(0) as f64 / n;
    let is = |yes: bool| f64::from(u8::from(yes));
    let least = |len: usize, yes: bool| is(chunk.len() >= len && yes);
    let begins = |hex: &str| hex::decode(hex).is_ok_and(|b| chunk.starts_with(&b));
    let utf32 = chunk.starts_with(&[0xff, 0xfe, 0, 0]);
    [
        share(|b| b == 0),
        share(|b| b < 32 && ![9, 10, 13].contains(&b)),
        share(|b| (0x20..=0x7e).contains(&b)),
        share(|b| b >= 0x80),
        is(std::str::from_utf8(chunk).is_ok()),
        nulls(0),
        nulls(1),
        entropy,
        is(utf32),
        is(chunk.starts_with(&[0, 0, 0xfe, 0xff])),
        is(chunk.starts_with(&[0xff, 0xfe]) && !utf32),
        is(chunk.starts_with(&[0xfe, 0xff])),
        is(chunk.starts_with(&[0xef, 0xbb, 0xbf])),
        least(10, utf16(chunk, u16::from_le_bytes)),
        least(10, utf16(chunk, u16::from_be_bytes)),
        least(16, utf32_text(chunk, u32::from_le_bytes)),
        least(16, utf32_text(chunk, u32::from_be_bytes)),
        longest,
        least(10, pairs(chunk, &[(0xa1, 0xf7)], &[(0xa1, 0xfe)], &[])),
        least(10, pairs(chunk, &[(0xa1, 0xf9)], &[(0x40, 0x7e), (0xa1, 0xfe)], &[])),
        least(
            10,
            pairs(
                chunk,
                &[(0x81, 0x9f), (0xe0, 0xef)],
                &[(0x40, 0x7e), (0x80, 0xfc)],
                &[(0xa1, 0xdf)],
            ),
        ),
        least(10, pairs(chunk, &[(0xa1, 0xfe), (0x8e, 0x8e)], &[(0xa1, 0xfe)], &[])),
        least(10, pairs(chunk, &[(0xa1, 0xfd)], &[(0xa1, 0xfe)], &[])),
        is(BEGINNINGS.iter().any(|h| begins(h))),
    ]
}

fn utf16(chunk: &[u8], read: fn([u8; 2]) -> u16) -> bool {
    let units = chunk.chunks_exact(2).map(|p| read([p[0], p[1]]));
    chunk.len().is_multiple_of(2) && char::decode_utf16(units).all(|c| c.is_ok())
}

fn utf32_text(chunk: &[u8], read: fn([u8; 4]) -> u32) -> bool {
    let mut units = chunk.chunks_exact(4).map(|p| read([p[0], p[1], p[2], p[3]]));
    chunk.len().is_multiple_of(4) && units.all(|u| char::from_u32(u).is_some())
}

/// Whether bytes can be a text of an East Asian encoding: leads and trails by twos, single ones beside ASCII.
fn pairs(chunk: &[u8], leads: &[(u8, u8)], trails: &[(u8, u8)], single: &[(u8, u8)]) -> bool {
    let within = |b: u8, ranges: &[(u8, u8)]| ranges.iter().any(|(a, z)| (*a..=*z).contains(&b));
    let mut rest = chunk;
    while let Some((first, more)) = rest.split_first() {
        rest = match first {
            b if *b < 0x80 || within(*b, single) => more,
            b if within(*b, leads) && more.first().is_some_and(|t| within(*t, trails)) => &more[1..],
            _ => return false,
        };
    }
    true
}
