//! The passwords that everybody tries first (NIST SP 800-63B §3.1.1.2): those of eight characters or more that lead the lists of
//! every leak, worldwide and in China. Short on purpose: what is rarer is stopped by counting wrong ones.

use std::collections::HashSet;
use std::sync::LazyLock;

const COMMON: &str = "
00000000 000000000 0000000000 01234567 012345678 0123456789 09876543 0987654321 10203040 11111111 111111111 1111111111
11112222 11223344 1122334455 112233445566 11235813 12121212 12131415 12301230 12312312 123123123 123123123123 123123456
12321232 123321123 123412341234 12341234 12344321 1234512345 12345678 123456781 123456788 123456789 1234567890 12345678900
12345678910 123456789a 123456789abc 123456789q 123456789qwe 123456789z 1234567891 123456780 12345679 123456abc 123456abcd
123456aa 123456as 123456asd 123456qq 123456qw 123456qwe 123456qwerty 123456zx 1234abcd 1234qwer 123654789 123698745 1236987
1237895 123789456 12qwaszx 13141314 131452000 1314520520 13145200 13579246 135792468 1357924680 135798642 14141414 147147147
147258369 147852369 14789632 147896325 15151515 159159159 159357159 159753159 159357456 16161616 17171717 18181818
19191919 19841984 19851985 19861986 19871987 19881988 19891989 19901990 19911991 19921992 20002000 20082008 20202020
22222222 222222222 23232323 23456789 25252525 25802580 31415926 314159265 33333333 36363636 369258147 44444444 45454545 456456456
456789123 48484848 51201314 5201314520 52013145 520520520 52052052 521521521 521125211 54321678 55555555 555555555 5555555555
55667788 56565656 66666666 666666666 6666666666 66668888 741852963 74108520 77777777 777777777 7777777777 78787878 789456123
789789789 87654321 876543210 88888888 888888888 8888888888 88886666 89898989 963852741 98765432 987654321 9876543210 98989898
99999999 999999999 9999999999 a1234567 a12345678 a123456789 a1b2c3d4 a1b2c3d4e5 aa123456 aa12345678 aa123456789 aa112233 aaa123456
aaa12345 aaaaaaaa aaaaaaaaa aaaaaaaaaa abc12345 abc123456 abc1234567 abc12345678 abc123456789 abcabc123 abcd1234 abcd12345 abcd123456 abcdefgh
abcdefg1 abcdef123 abcde12345 abcdefghi abcdefghij access14 admin123 admin1234 admin12345 admin123456 administrator admin888
alexander asd12345 asd123456 asdasdasd asdf1234 asdfasdf asdfghjk asdfghjkl asdfghjkl123 asdfjkl; as123456 azertyuiop baseball
baseball1 basketball batman123 benjamin bismillah blink182 butterfly caonima123 changeme changeme1 changeme123 charlie1 chelsea1 chocolate
christian christopher cocacola computer corvette d1234567 danielle default1 dearbook dragon123 dragonball
elizabeth facebook fenerbahce ferrari1 firebird flower123 football football1 forever1 fuckyou1 fuckyou123 fuckyou2 garfield gfhjkm123
google123 guest1234 hello123 hello1234 helloworld iloveyou iloveyou1 iloveyou123 iloveyou2 iloveyou520 internet
jennifer jessica1 jonathan jordan23 justin123 killer123 k1234567 lakers24 letmein1 letmein123 liverpool liverpool1 li123456 liu123456 logitech
lovelove love1314 love5201314 loveyou1 lovely123 manchester master123 maverick mercedes
metallica michael1 michelle midnight minecraft monkey123 mustang1 mynoob123 mypassword nicholas nintendo
ninja123 p@ssw0rd p@ssword p@ssw0rd1 p@ssw0rd123 pass1234 passw0rd passw0rd1 passw0rd123 password password! password0 password1 password1!
password12 password123 password123! password1234 password12345 password2 password3 password9 patricia pakistan123 playboy1 pokemon1 pokemon123
princess princess1 purple123 q1234567 q12345678 q123456789 q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6 qazqazqaz qazwsx123 qazwsxed qazwsxedc qazwsxedcrfv
qaz123456 qq123456 qq123456789 qq1234567 qqqqqqqq qqq123456 qwe12345 qwe123456 qwe123qwe qweasdzx qweasdzxc qweasd123
qweqweqwe qwer1234 qwer12345 qwer123456 qwertyui qwertyuiop qwertyuiop123 qwerty12 qwerty123 qwerty1234 qwerty12345 qwerty123456 qwert12345 qwerasdf
qwerasdfzxcv rainbow1 raymond1 root1234 root123456 rockstar rockyou1 s1234567 samantha samsung1 samsung123 scorpion secret123 septembre
shadow123 slipknot snowball soccer123 spiderman squirrel starwars starwars1 sunflower sunshine sunshine1
superman superman1 super123 swordfish taobao123 target123 temp1234 test1234 test12345 test123456 tinkerbell tigger123 trinidad trustno1 ubuntu123
undertaker universe unknown1 user1234 vampire1 victoria vietnam1 w1234567 w123456789 wang123456 wang1234 warcraft welcome1 welcome123 welcome1234
whatever whatever1 wo123456 woaini123 woaini1314 woaini520 woaini521 woaiwojia woaiwoziji worldofwarcraft woshishui wodemima
x1234567 xiaoming xxxxxxxx xxx123456 yankees1 z1234567 z123456789 zaq12wsx zaq1zaq1 zaq123456 zhang123 zhang123456 zhangwei zhongguo
zxc12345 zxc123456 zxcvbn123 zxcvbnm1 zxcvbnm12 zxcvbnm123 zxczxczxc zxcv1234 zz123456 zzzzzzzz 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 1qaz1qaz
1qaz2wsx 1qaz2wsx3edc 1qazxsw2 1qaz@wsx 1234567a 1234567q 12345678a 12345678q 12345qwert 12345abc 12345abcde 123abc123 123qwe123 123qweasd
123qweasdzxc 123456789m 1234567890a 1234567890q 1111aaaa 111222333 110110110 100200300 147258369a 5201314a a5201314 woaini5201314 mima123456 menjin123
wechat123 weixin123 admin@123 abc@1234 pass@123 pass@word1 test@123 root@123 user@123 qwe@1234 aa123456. a123456. abc123456. qwer1234. asd123456.
";

static ALL: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON.split_ascii_whitespace().collect());

/// Whether it is one of them, in lower case.
pub(super) fn is_common(lower: &str) -> bool {
    let mut letters = lower.chars();
    let first = letters.next();
    ALL.contains(lower) || letters.all(|letter| Some(letter) == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_tries_first_is_known() {
        for common in ["password", "12345678", "qwertyuiop", "woaini1314", "啊啊啊啊啊啊啊啊", "~~~~~~~~~~"] {
            assert!(is_common(common), "{common}");
        }
        for rare in ["correct horse battery staple", "kx7#vQ2pLm", "今天天气真的不错啊"] {
            assert!(!is_common(rare), "{rare}");
        }
    }
}
