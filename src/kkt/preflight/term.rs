//! How long a fiscal drive may be used, and whether its term is right. From a secondary source, so it only warns.
//!
//! The law (54-FZ, article 4.1, part 6; unconfirmed in its wording) wants 36 months for services and special tax regimes,
//! except in season, for agents, with excise goods and in autonomous mode. Orders have no field for the season: whoever
//! trades in season acknowledges the warning.

use super::{Findings, Situation};
use crate::catalogue::{FnModel, MarkingSupport, Standing};
use crate::kkt::model::{Agent, Ffd};

/// All that the term depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the inputs of a table of rules")]
pub struct Usage {
    /// Of the drive: 13, 15 or 36.
    pub months: u32,
    /// The drive takes part in FFD 1.2 wholly.
    pub full_1_2: bool,
    /// General tax regime.
    pub general: bool,
    /// Goods are sold, not services only.
    pub goods: bool,
    /// The user is an agent of some kind.
    pub agent: bool,
    /// Excise goods.
    pub excise: bool,
    /// Without sending data.
    pub autonomous: bool,
    /// FFD 1.2.
    pub ffd_1_2: bool,
    /// Gambling or lottery.
    pub chance: bool,
    /// Pawnshop or insurance.
    pub pledge: bool,
}

/// Whether the term is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing speaks against it.
    Fine,
    /// 36 months where they are not meant to be, and it works.
    TooLong,
    /// 36 months where they must not be.
    NotAllowed,
    /// 15 months where 36 are demanded.
    TooShort,
}

impl Usage {
    fn of(at: &Situation<'_>, drive: &FnModel) -> Self {
        let modes = &at.spec.modes;
        let agents: &[Agent] = &at.spec.agents;
        Self {
            months: drive.months,
            full_1_2: drive.ffd_1_2 == MarkingSupport::Full,
            general: at.general_regime(),
            goods: at.sells_goods(),
            agent: !agents.is_empty() || modes.bank_payment_agent || modes.payment_agent,
            excise: modes.excise,
            autonomous: modes.autonomous,
            ffd_1_2: at.spec.ffd == Ffd::V1_2,
            chance: modes.gambling || modes.lottery,
            pledge: modes.pawnshop || modes.insurance,
        }
    }

    const fn long(self) -> bool {
        self.months == 36
    }

    /// For how many days the drive works when it is used so.
    pub const fn days(self) -> u32 {
        let short_with_1_2 = !self.long() && self.ffd_1_2 && (self.chance || self.pledge);
        if short_with_1_2 || self.excise && (self.ffd_1_2 || self.long()) {
            return 410;
        }
        match (self.autonomous, self.long()) {
            (true, false) => 410,
            (true, true) if self.ffd_1_2 && self.goods && self.general => 410,
            (true, true) => 560,
            (false, true) if self.general && (self.goods || self.agent && self.ffd_1_2) => 560,
            (false, true) => 1110,
            (false, false) if self.months == 13 => 410,
            (false, false) => 470,
        }
    }

    /// Whether the term is right for this use.
    pub const fn verdict(self) -> Verdict {
        let general_goods = self.general && self.goods;
        match self.long() {
            true if general_goods && !self.full_1_2 => Verdict::NotAllowed,
            true if general_goods || self.excise || self.autonomous => Verdict::TooLong,
            false if !(self.general || self.agent || self.excise || self.autonomous) => Verdict::TooShort,
            _ => Verdict::Fine,
        }
    }
}

/// For how many days the fiscal drive of the situation works; absent for one that the catalogue does not have in the
/// registry, and so for every test drive.
pub fn drive_days(at: &Situation<'_>) -> Option<u32> {
    usage(at).map(Usage::days)
}

fn usage(at: &Situation<'_>) -> Option<Usage> {
    at.drive().filter(|drive| drive.standing == Standing::Registered).map(|drive| Usage::of(at, drive))
}

pub(super) fn drive_term(at: &Situation<'_>, found: &mut Findings) {
    let Some(usage) = usage(at) else { return };
    let field = at.field("equipment.sale.fn_serial");
    let (verdict, days) = (usage.verdict(), usage.days());
    let days = format!("При таком использовании он проработает {days} дней");
    found.warn(
        verdict == Verdict::NotAllowed,
        "FN_TERM_NOT_ALLOWED",
        field,
        (
            "a fiscal drive of 36 months that takes no full part in FFD 1.2 is not allowed for goods in the general regime",
            &format!("Для торговли на общей системе накопитель на 36 месяцев не подходит. {days}. Поставьте на 15 месяцев"),
        ),
    );
    found.warn(
        verdict == Verdict::TooLong,
        "FN_TERM_TOO_LONG",
        field,
        (
            "a fiscal drive of 36 months is meant for services and special tax regimes",
            &format!("Накопитель на 36 месяцев не рассчитан на эти режимы. {days}. Лучше поставьте на 15 месяцев"),
        ),
    );
    found.warn(
        verdict == Verdict::TooShort,
        "FN_TERM_TOO_SHORT",
        field,
        (
            "with special tax regimes a fiscal drive of 36 months is required, except in season, as an agent or with \
             excise goods",
            &format!(
                "На спецрежимах нужен накопитель на 36 месяцев, кроме сезонной торговли, агентов и подакцизных товаров. \
                 {days}. Поставьте другой или подтвердите исключение"
            ),
        ),
    );
}

#[cfg(test)]
mod tests;
