use super::*;

/// The table of rules, as data. Words: months of the drive; `full` = the drive takes part in FFD 1.2 wholly; `general`
/// regime, else a special one; `goods`, else services only; `1.2` = the FFD version; the rest are modes.
const TABLE: &[(&str, u32, Verdict)] = &[
    // 410: chance or pledge with FFD 1.2 on a short drive.
    ("15 full services general 1.2 chance", 410, Verdict::Fine),
    ("15 full services general 1.2 pledge", 410, Verdict::Fine),
    ("13 full services general 1.2 chance", 410, Verdict::Fine),
    ("15 full services general chance", 470, Verdict::Fine),
    ("15 full services general pledge", 470, Verdict::Fine),
    ("36 full services general 1.2 chance", 1110, Verdict::Fine),
    ("36 full services general 1.2 pledge", 1110, Verdict::Fine),
    // 410: excise with FFD 1.2, and excise on a long drive.
    ("15 full goods general 1.2 excise", 410, Verdict::Fine),
    ("15 full goods 1.2 excise", 410, Verdict::Fine),
    ("15 full goods general excise", 470, Verdict::Fine),
    ("36 full goods excise", 410, Verdict::TooLong),
    ("36 full goods 1.2 excise", 410, Verdict::TooLong),
    ("36 goods general excise", 410, Verdict::NotAllowed),
    ("36 full services general excise", 410, Verdict::TooLong),
    // Autonomous: 410 on a short drive, and for goods in the general regime with FFD 1.2; else 560.
    ("15 full goods general autonomous", 410, Verdict::Fine),
    ("15 full services autonomous", 410, Verdict::Fine),
    ("13 goods autonomous", 410, Verdict::Fine),
    ("36 full goods general 1.2 autonomous", 410, Verdict::TooLong),
    ("36 full goods general autonomous", 560, Verdict::TooLong),
    ("36 full goods 1.2 autonomous", 560, Verdict::TooLong),
    ("36 full services general 1.2 autonomous", 560, Verdict::TooLong),
    ("36 full services autonomous", 560, Verdict::TooLong),
    // 560: a long drive in the general regime, for goods, or for an agent with FFD 1.2.
    ("36 full goods general", 560, Verdict::TooLong),
    ("36 full goods general 1.2", 560, Verdict::TooLong),
    ("36 goods general", 560, Verdict::NotAllowed),
    ("36 goods general 1.2", 560, Verdict::NotAllowed),
    ("36 goods general autonomous", 560, Verdict::NotAllowed),
    ("36 full services general 1.2 agent", 560, Verdict::Fine),
    ("36 full services general agent", 1110, Verdict::Fine),
    ("36 full services 1.2 agent", 1110, Verdict::Fine),
    // Otherwise: 470 on a drive of 15 months, 410 on one of 13, 1110 on one of 36.
    ("15 full goods general 1.2", 470, Verdict::Fine),
    ("15 goods general", 470, Verdict::Fine),
    ("15 full services general", 470, Verdict::Fine),
    ("13 goods general", 410, Verdict::Fine),
    ("36 full services general 1.2", 1110, Verdict::Fine),
    ("36 full goods", 1110, Verdict::Fine),
    ("36 goods", 1110, Verdict::Fine),
    ("36 full services", 1110, Verdict::Fine),
    // Special regimes on a short drive need a reason: an agent, excise goods, autonomous mode.
    ("15 full goods", 470, Verdict::TooShort),
    ("15 full goods 1.2", 470, Verdict::TooShort),
    ("15 full services", 470, Verdict::TooShort),
    ("13 goods", 410, Verdict::TooShort),
    ("15 full goods agent", 470, Verdict::Fine),
    ("15 full goods excise", 470, Verdict::Fine),
    ("15 full services 1.2 chance", 410, Verdict::TooShort),
];

fn read(words: &str) -> Usage {
    let mut usage = Usage::default();
    for word in words.split(' ') {
        match word {
            "services" => usage.goods = false,
            "goods" => usage.goods = true,
            "full" => usage.full_1_2 = true,
            "general" => usage.general = true,
            "1.2" => usage.ffd_1_2 = true,
            "agent" => usage.agent = true,
            "excise" => usage.excise = true,
            "autonomous" => usage.autonomous = true,
            "chance" => usage.chance = true,
            "pledge" => usage.pledge = true,
            months => usage.months = months.parse().unwrap(),
        }
    }
    usage
}

#[test]
fn days_and_verdict_follow_the_table() {
    for (words, days, verdict) in TABLE {
        let usage = read(words);
        assert_eq!((usage.days(), usage.verdict()), (*days, *verdict), "{words}");
    }
}

/// All 3 x 512 uses: nothing is left without one of the five terms, and a short drive never lasts longer than a long one.
#[test]
fn every_use_has_a_term() {
    for bits in 0..512_u32 {
        let bit = |at: u32| bits >> at & 1 == 1;
        let usage = |months| Usage {
            months,
            full_1_2: bit(0),
            general: bit(1),
            goods: bit(2),
            agent: bit(3),
            excise: bit(4),
            autonomous: bit(5),
            ffd_1_2: bit(6),
            chance: bit(7),
            pledge: bit(8),
        };
        let days = [13, 15, 36].map(|months| usage(months).days());
        assert!(days.iter().all(|days| [410, 470, 560, 1110].contains(days)), "{:?}", usage(0));
        assert!(days[0] == 410 && (days[1] <= days[2] || usage(36).excise), "{:?}: {days:?}", usage(0));
    }
}
