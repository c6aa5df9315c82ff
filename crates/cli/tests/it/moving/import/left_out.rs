//! Who is left out, and which fields of those who are not; where that is told.

use std::fs;

use super::{APPID, count, data, import, rejects, users};

#[test]
fn everybody_who_is_left_out_is_named_by_line_and_field_and_never_by_value() {
    let data = data();
    fs::write(data.path().join("first.csv"), "number,external_id,openid\n70,old-70,openid-70\n71,,openid-71\n")
        .unwrap();
    import(data.path(), &["first.csv"]).ok();
    let lines = [
        ("number,external_id,nickname,avatar_url,created_at,disabled,openid,appid".to_owned(), ""),
        (format!("1,,,,,,secret-1,{APPID}"), ""),
        ("1,,,,,,secret-2,".to_owned(), "3,number,stands twice in the source (first at 2)"),
        ("2,,,,,,secret-1,".to_owned(), "4,openid,stands twice in the source (first at 2)"),
        (",,,,,,secret-3,".to_owned(), "5,number,is missing"),
        ("0,,,,,,secret-4,".to_owned(), "6,number,must be from 1 to 9007199254740992"),
        ("-3,,,,,,secret-5,".to_owned(), "7,number,must be from 1 to 9007199254740992"),
        ("9007199254740993,,,,,,secret-6,".to_owned(), "8,number,must be from 1 to 9007199254740992"),
        ("12x,,,,,,secret-7,".to_owned(), "9,number,is no whole number"),
        ("10,,nobody,,,,秘密 secret-8,".to_owned(), "10,openid,is no openid"),
        ("10,,,,,,secret-9,".to_owned(), "11,number,stands twice in the source (first at 10)"),
        (",,,,,,secret-10,".to_owned(), "12,number,is missing"),
        ("13,,,,,,secret-10,".to_owned(), "13,openid,stands twice in the source (first at 12)"),
        ("14,,,,,perhaps,secret-12,".to_owned(), "14,disabled,is neither true nor false"),
        ("15,,,,,,秘密,".to_owned(), "15,openid,is no openid"),
        ("16,,,,,,secret-13,wx0000000000000000".to_owned(), "16,appid,no [[app]] of menjin.toml has this AppID"),
        (
            "17,,,,,,,".to_owned(),
            "17,openid,\"is missing, and so are external_id and username: nobody could be this user\"",
        ),
        ("70,,,,,,secret-14,".to_owned(), "18,number,another user has it"),
        ("18,old-70,,,,,secret-15,".to_owned(), "19,external_id,another user has it (user 70)"),
        ("19,,,,,,openid-71,".to_owned(), "20,openid,belongs to another user (user 71)"),
        ("20,,,,,,secret-16".to_owned(), "21,line,is has"),
        ("21,only-external,,,,,,".to_owned(), ""),
    ];
    let csv = lines.iter().map(|(line, _)| format!("{line}\n")).collect::<Vec<_>>().concat();
    let csv = [b"\xef\xbb\xbf", csv.as_bytes(), b"22,,,,,,secret-17\xff\xfe,\n"].concat();
    fs::write(data.path().join("users.csv"), csv).unwrap();
    let ran = import(data.path(), &["users.csv"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let mut expected: Vec<_> = lines.iter().map(|(_, why)| (*why).to_owned()).filter(|why| !why.is_empty()).collect();
    expected
        .iter_mut()
        .filter(|why| why.ends_with("is has"))
        .for_each(|why| *why = "21,line,has more or fewer columns than the first line".into());
    expected.push("23,openid,is not UTF-8".to_owned());
    let mut found = rejects(data.path());
    found.sort_by_key(|line| line.split(',').next().unwrap().parse::<u32>().unwrap());
    assert_eq!(found, expected);
    assert!(ran.out.contains("2  new") && ran.out.contains(&format!("{}  left out", expected.len())), "{}", ran.out);
    for shown in [ran.out, ran.err, found.join("\n")] {
        assert!(!shown.contains("secret-") && !shown.contains("秘密"), "{shown}");
    }
    assert!(users(data.path()) == 4);
}

#[test]
fn what_a_person_may_lack_is_left_out_and_told_and_they_are_taken_in() {
    let data = data();
    let long = "名".repeat(65);
    let lines = [
        ("number,nickname,avatar_url,created_at,openid".to_owned(), ""),
        ("1,kept,http://tmp/secret.png,2019-05-06,openid-1".to_owned(), "avatar_url,is a path on a phone"),
        ("2,,wxfile://secret.png,,openid-2".to_owned(), "avatar_url,is a path on a phone"),
        ("3,,/static/a.png,,openid-3".to_owned(), "avatar_url,must be an http(s) address"),
        ("4,,0,,openid-4".to_owned(), "avatar_url,must be an http(s) address"),
        ("5,,http://secret/a.png,,openid-5".to_owned(), "has a host without a dot"),
        (format!("6,{long},,,openid-6"), "nickname,is longer than 64 characters"),
        ("7,,,secret,openid-7".to_owned(), "created_at,is no time"),
        ("8,,,2999-01-01,openid-8".to_owned(), "created_at,is in the future"),
        ("9,,http://example.com/a.png,,openid-9".to_owned(), ""),
    ];
    let csv = lines.iter().map(|(line, _)| format!("{line}\n")).collect::<Vec<_>>().concat();
    fs::write(data.path().join("users.csv"), [csv.as_bytes(), b"10,secret\xff,,,openid-10\n"].concat()).unwrap();
    for (new, there) in [(10, 0), (0, 10)] {
        let said = import(data.path(), &["users.csv"]).ok();
        for part in [
            format!("{new}  new"),
            format!("{there}  already there"),
            "0  left out".to_owned(),
            "9  of these without a field".to_owned(),
            "2  left out: avatar_url must be".to_owned(),
            "1  left out: nickname is not UTF-8".to_owned(),
            "import-rejects.csv".to_owned(),
        ] {
            assert!(said.contains(&part), "{part} is not in: {said}");
        }
        let found = rejects(data.path()).join("\n");
        let expected = lines.iter().enumerate().filter(|(_, (_, why))| !why.is_empty());
        for (at, (_, why)) in expected {
            let line = found.lines().find(|line| line.starts_with(&format!("{},", at + 1)));
            let (field, why) = why.split_once(',').unwrap_or(("avatar_url", why));
            let line = line.unwrap_or_else(|| panic!("line {} is not in: {found}", at + 1));
            assert!(line.contains(&format!(",{field},")) && line.contains("only this is left out: "), "{line}");
            assert!(line.contains(why), "{line}");
        }
        assert_eq!(found.lines().count(), 9, "{found}");
        assert!(!found.contains("secret") && !said.contains("secret"), "{found}{said}");
    }
    let file = data.path().join("menjin.db");
    let kept = "SELECT created_at FROM users WHERE number = 1 AND nickname = 'kept' AND avatar_url IS NULL";
    assert_eq!(count(&file, kept), 1_557_100_800_000);
    assert_eq!(count(&file, "SELECT count(*) FROM users WHERE avatar_url IS NOT NULL"), 1);
}

#[test]
fn a_folder_that_can_not_be_written_to_matters_only_to_a_report() {
    let data = data();
    fs::write(data.path().join("users.csv"), "number,openid\n1,openid-1\n").unwrap();
    // Root may write wherever there is a folder.
    import(data.path(), &["users.csv", "--rejects", "nowhere/rejects.csv"]).ok();
    fs::write(data.path().join("users.csv"), "number,openid\nx,openid-1\n").unwrap();
    let ran = import(data.path(), &["users.csv", "--rejects", "nowhere/rejects.csv"]);
    ran.refused(&["nowhere/rejects.csv", "say --rejects FILE"]);
}
