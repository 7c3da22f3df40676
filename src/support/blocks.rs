//! What each reason to wait means to support, and how it ends. `docs/support.md` repeats it; a test holds both to the
//! sources. Pure.

/// How a registration gets out of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It is looked at again by itself, and goes on once what it waits for is there.
    Itself,
    /// The partner calls Amend, with another code, device or report.
    Amend,
    /// The partner calls Cancel.
    Cancel,
    /// The partner calls Fiscalize again.
    Fiscalize,
    /// The partner calls Fiscalize with the values of a printed report.
    Manual,
    /// `gateway start`.
    Start,
    /// `kkt retry`, after the cause was mended.
    Retry,
    /// `kkt resolve`, with what was learned outside.
    Resolve,
    /// `kkt release`.
    Release,
}

/// What support should know about a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// As in `block.reason`.
    pub reason: &'static str,
    /// What has happened.
    pub meaning: &'static str,
    /// What to do about it.
    pub todo: &'static str,
    /// How it ends.
    pub exits: &'static [Exit],
}

const fn note(reason: &'static str, exits: &'static [Exit], meaning: &'static str, todo: &'static str) -> Note {
    Note { reason, meaning, todo, exits }
}

/// The note on a reason; `None` for one of a newer program.
pub fn find(reason: &str) -> Option<&'static Note> {
    NOTES.iter().find(|note| note.reason == reason)
}

use Exit::{Amend, Cancel, Fiscalize, Itself, Manual, Release, Resolve, Retry, Start};

const DEVICE: &[Exit] = &[Itself, Manual, Cancel];
const WRONG_CODE: &[Exit] = &[Amend, Cancel];

/// All reasons, grouped by who must act.
pub const NOTES: &[Note] = &[
    note(
        "GATEWAY_STOPPED",
        &[Start, Itself],
        "An operator has stopped the gateway; the command was not sent.",
        "See `gateway list` for who stopped it and why; `gateway start` goes on with everything at once.",
    ),
    note(
        "FNS_UNAVAILABLE",
        &[Itself],
        "The FNS gateway has not answered three times in a row.",
        "See its last answers in `kkt documents`, and the log. Nothing to do here: it is asked again, later and later.",
    ),
    note(
        "OFD_UNAVAILABLE",
        &[Itself],
        "The OFD gateway has not answered three times in a row.",
        "See its last answers in `kkt documents`, and the log. Nothing to do here: it is asked again, later and later.",
    ),
    note(
        "TAXPAYERS_UNAVAILABLE",
        &[Itself],
        "The register of taxpayers has not answered three times in a row.",
        "See the log of the server. Nothing to do here: it is asked again, later and later.",
    ),
    note(
        "ACCOUNTS_UNAVAILABLE",
        &[Itself],
        "The account service has not answered three times in a row.",
        "See the log of the server. Nothing to do here: it is asked again, later and later.",
    ),
    note(
        "GATEWAY_NEEDS_SUPPORT",
        &[Itself, Retry],
        "The other side denies us or answers nonsense, or nobody has reached it for a day.",
        "Mend credentials, address or adapter: see the log and its last answers in `kkt documents`. It is tried again by itself, `kkt retry` does it at once.",
    ),
    note(
        "RESTORED_UNCONFIRMED",
        &[Fiscalize, Manual, Cancel],
        "After a restore the burn is held back, because it was asked for before; a Cancel may have been forgotten.",
        "The partner calls Fiscalize with a new request id, or cancels.",
    ),
    note(
        "RESTORED_VOIDED",
        &[Retry, Cancel],
        "After a restore the receiver says that this command is void, and it is not known here who did that; a Cancel may have been forgotten.",
        "Ask the partner. Cancelled before: it calls Cancel again. Not cancelled: `kkt retry` goes on.",
    ),
    note(
        "DEVICE_HUB_UNAVAILABLE",
        DEVICE,
        "The hub behind which the register stands does not answer.",
        "Somebody at the shop must bring hub and network back; if that cannot be done, a manual report goes on.",
    ),
    note(
        "DEVICE_OFFLINE",
        DEVICE,
        "The hub answers; the register behind it does not.",
        "Somebody at the shop must switch the register on and connect it.",
    ),
    note("DEVICE_NO_PAPER", DEVICE, "The register has no paper.", "Somebody at the shop must put paper in."),
    note("DEVICE_COVER_OPEN", DEVICE, "The cover of the register is open.", "Somebody at the shop must close it."),
    note("DEVICE_SHIFT_OPEN", DEVICE, "A shift is open on the register.", "Somebody at the shop must close it."),
    note(
        "DEVICE_DOCUMENT_OPEN",
        DEVICE,
        "A document is open on the register.",
        "Somebody at the shop must finish or cancel it.",
    ),
    note(
        "DEVICE_CLOCK_WRONG",
        DEVICE,
        "The clock of the register is too far off; the date would be burnt wrong.",
        "Somebody at the shop must set it.",
    ),
    note(
        "DEVICE_BUSY",
        DEVICE,
        "The register is busy with something else.",
        "Somebody at the shop must let it finish or stop it.",
    ),
    note(
        "DEVICE_REPORT_INTERRUPTED",
        DEVICE,
        "The report was interrupted before the drive was burnt.",
        "Somebody at the shop must see to power and paper; it is tried again by itself.",
    ),
    note(
        "DEVICE_NEEDS_SERVICE",
        DEVICE,
        "The register wants a technological reset or a licence.",
        "A service centre must see to it; it is tried again by itself.",
    ),
    note(
        "FN_NOT_ANSWERING",
        DEVICE,
        "The register does not see its fiscal drive.",
        "Somebody at the shop must check how the drive is put in.",
    ),
    note(
        "DEVICE_FFD_UNSUPPORTED",
        &[Cancel],
        "The register does not support the FFD version that was registered; nothing was burnt.",
        "The partner cancels and registers anew with another version.",
    ),
    note(
        "PREFLIGHT_FAILED",
        &[Itself, Cancel],
        "A rule that was kept when the application was filed is broken now; nothing was burnt.",
        "Read the advice. When reference data are wrong, mend them and `kkt retry`; else the partner cancels.",
    ),
    note(
        "TAXPAYER_NOT_FOUND",
        &[Itself, Cancel],
        "The state register no longer has the taxpayer; nothing was burnt.",
        "The partner asks the taxpayer. When the register is wrong, wait; else the partner cancels.",
    ),
    note(
        "TAXPAYER_CHANGED",
        &[Itself, Cancel],
        "The state register has another name than the one that was filed; it would be burnt wrong.",
        "The partner cancels and registers anew.",
    ),
    note(
        "DEVICE_MISMATCH",
        &[Itself, Amend, Cancel],
        "Another register or another fiscal drive answers than was registered. Nothing was burnt.",
        "The partner connects the right one, or names another device with Amend.",
    ),
    note(
        "SIGNATURE",
        &[Itself],
        "FNS waits for the signer's signature.",
        "The signer signs in the account at FNS; it goes on by itself.",
    ),
    note(
        "OFD_CODE_USED",
        WRONG_CODE,
        "The operator says that the activation code is used.",
        "The partner names another code with Amend. Before anything is filed it is also tried again by itself.",
    ),
    note("OFD_CODE_UNKNOWN", WRONG_CODE, "The operator does not know the code.", "The partner corrects it with Amend."),
    note("OFD_CODE_EXPIRED", WRONG_CODE, "The code has expired.", "The partner names another one with Amend."),
    note(
        "OFD_CODE_WITHOUT_MARKING",
        WRONG_CODE,
        "The code does not cover marked goods.",
        "The partner names another one with Amend.",
    ),
    note(
        "OFD_UNKNOWN",
        WRONG_CODE,
        "There is no contract with this operator.",
        "The partner cancels and orders anew with another operator; or names a code of this one.",
    ),
    note(
        "OFD_REFUSED",
        WRONG_CODE,
        "The operator refused for a reason of its own.",
        "Read the answer in `kkt documents`; the partner names another code with Amend.",
    ),
    note(
        "FNS_REFUSED_REPORT",
        &[Amend, Resolve],
        "FNS refused the registration report. The drive is burnt, unless a person typed a report that was never made.",
        "The partner sends a corrected report with Amend; read FNS's answer in `kkt documents`. Never made: `kkt resolve --outcome not-burnt`.",
    ),
    note(
        "FN_UNUSABLE",
        &[Cancel],
        "The fiscal drive cannot be fiscalized, and we have not burnt it.",
        "The partner cancels and registers anew with another drive.",
    ),
    note(
        "FNS_NEEDS_SUPPORT",
        &[Itself, Resolve],
        "FNS did not take the application for a reason that is not about its content.",
        "Read FNS's answer in `kkt documents`. When FNS has the application: `kkt resolve --outcome filed`.",
    ),
    note(
        "FNS_UNEXPECTED_STATE",
        &[Itself, Resolve],
        "FNS tells a state of the application that cannot follow ours.",
        "Ask FNS. Then `kkt resolve` with what FNS has done.",
    ),
    note(
        "FNS_APPLICATION_LOST",
        &[Itself, Resolve, Cancel],
        "FNS does not find the application that it had taken.",
        "Ask FNS with the application id. Then `kkt resolve` with what FNS has done.",
    ),
    note(
        "RNM_DOES_NOT_FIT",
        &[Itself, Resolve, Cancel],
        "The check digits of the RNM do not fit INN and serial number. Burning it would cost the drive.",
        "Ask FNS for the right number, then `kkt resolve --outcome rnm`.",
    ),
    note(
        "FN_WRONG_PHASE",
        &[Itself, Resolve, Cancel],
        "The fiscal drive is neither fresh nor fiscalized.",
        "Have the drive looked at. With another drive: Cancel and a new registration.",
    ),
    note(
        "FN_BURNT_BY_OTHERS",
        &[Itself, Resolve, Cancel],
        "The drive is burnt with other numbers than ours.",
        "Find out who burnt it. It is spent: a new registration with another drive.",
    ),
    note(
        "REPORT_UNREADABLE",
        &[Itself, Manual, Resolve],
        "The drive holds our registration, and its report cannot be read.",
        "Have the printed report read: Fiscalize with manual values, or `kkt resolve --outcome burnt`.",
    ),
    note(
        "REPORT_MISMATCH",
        &[Itself, Manual, Resolve],
        "A report was made, and it is not about this register or this RNM.",
        "Compare the printed report with `kkt show`, then a manual report or `kkt resolve --outcome burnt`.",
    ),
    note(
        "APPLICATION_INCOMPLETE",
        &[Retry, Cancel],
        "The application cannot be composed: a defect of ours, or reference data that do not fit.",
        "See the log of the server. After it was mended: `kkt retry`.",
    ),
    note(
        "OFD_NEEDS_SUPPORT",
        &[Retry, Resolve, Cancel],
        "The operator's answer contradicts what we know: another connection, no reservation, other content.",
        "Ask the operator. Then `kkt resolve --outcome connected`, or `kkt retry` after the operator has mended it.",
    ),
    note(
        "CODE_NOT_RELEASED",
        &[Itself, Release],
        "The registration has ended, and the operator refuses to free its code.",
        "Ask the operator; `kkt release` stops trying.",
    ),
    note(
        "DEVICE_NOT_ASSIGNED",
        &[Itself, Amend, Manual, Cancel],
        "The device is no longer assigned to the partner.",
        "`device assign` it again, or the partner names another one with Amend.",
    ),
    note(
        "DEVICE_TASK_INCOMPLETE",
        &[Itself, Manual, Cancel],
        "The task for the register cannot be composed: a defect of ours, or reference data that do not fit.",
        "See the log of the server. After it was mended: `kkt retry`.",
    ),
    note(
        "DEVICE_TASK_MALFORMED",
        &[Retry, Manual, Cancel],
        "The hub refused the task as malformed; nothing was burnt.",
        "Compare `kkt documents` with the hub's version. After it was mended: `kkt retry`, or a manual report.",
    ),
    note(
        "DEVICE_TASK_WITHDRAWN",
        &[Fiscalize, Manual, Cancel],
        "Somebody took our task out of the hub's queue; nothing was burnt.",
        "Find out who wanted that. To burn after all the partner calls Fiscalize again.",
    ),
    note(
        "DEVICE_REFUSED",
        &[Retry, Manual, Cancel],
        "The register refused for a reason that nobody at the shop can mend by rule; nothing was burnt.",
        "Read the driver's code in `kkt documents`. After it was mended: `kkt retry`.",
    ),
    note(
        "DEVICE_REFUSED_NUMBERS",
        &[Retry, Manual, Cancel],
        "The register does not take RNM or INN; nothing was burnt.",
        "Compare serial number, INN and RNM with `kkt show`. After it was mended: `kkt retry`.",
    ),
];
