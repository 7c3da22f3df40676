//! The people: partners who call, and who do what they are advised to do.

use litebox_partner::gateways::device::FiscalReport;
use litebox_partner::kkt::model::{Amend, Amendment, Cancel, Fiscalize, Kkt, Method, WaitingFor};
use litebox_partner::kkt::state::State;
use litebox_partner::values::{ActivationCode, FiscalSign, Rnm};

use super::repeats::Call;
use super::run::Run;

impl Run<'_> {
    /// Somebody asks for the burn, whether it is time or not.
    pub async fn fiscalize(&mut self, at: usize) {
        let Some(kkt) = self.open(at).await else { return };
        self.burn(&kkt).await;
    }

    /// A partner calls about the registration, whether that makes sense or not.
    pub async fn somebody_calls(&mut self, at: usize) {
        let Some(kkt) = self.open(at).await else { return };
        match self.dice.roll(7) {
            6 => {
                self.note("support retries");
                self.stage.retry(kkt.id).await;
            }
            0 | 1 => self.cancel(&kkt).await,
            2 => self.amend_code(&kkt).await,
            3 => {
                let other = self.slots[usize::try_from(self.dice.roll(2)).unwrap()].device;
                self.amend(&kkt, Amendment::Device(other)).await;
            }
            4 => self.report_by_hand(at, &kkt).await,
            _ => self.correct(at, &kkt).await,
        }
    }

    /// A person makes the report at the device, mostly with the number that FNS gave.
    pub async fn somebody_burns(&mut self, at: usize) {
        let Some(kkt) = self.open(at).await else { return };
        let Some(rnm) = kkt.rnm().cloned() else { return };
        let wrong = self.dice.percent(15);
        let rnm = if wrong { Rnm::parse("0000000007000000").unwrap() } else { rnm };
        let made = self.world.lock().hubs.get_mut(self.slots[at].hub).unwrap().burn_by_hand(rnm, kkt.inn.clone());
        self.note(format!("{}: burnt by hand: {}, wrongly: {wrong}", self.slots[at].hub, made.is_some()));
        if made.is_some() && self.dice.percent(70) {
            self.report_by_hand(at, &kkt).await;
        }
    }

    /// What the registration asks of people, when everything else is mended.
    pub async fn do_as_advised(&mut self, at: usize, kkt: &Kkt) {
        let Some(block) = &kkt.block else {
            if matches!(kkt.state, State::ReadyToFiscalize { .. }) {
                self.burn(kkt).await;
            }
            return;
        };
        match (block.waiting_for, block.reason.as_str()) {
            (WaitingFor::Partner, "OFD_CODE_UNKNOWN" | "OFD_CODE_USED" | "OFD_CODE_EXPIRED" | "OFD_REFUSED") => {
                self.amend_code(kkt).await;
            }
            (WaitingFor::Partner, "DEVICE_MISMATCH") => {
                let own = self.slots[at].device;
                self.amend(kkt, Amendment::Device(own)).await;
            }
            (WaitingFor::Partner, "DEVICE_TASK_WITHDRAWN") => self.burn(kkt).await,
            (WaitingFor::Partner, "FNS_REFUSED_REPORT") => {
                self.make_the_report(at, kkt);
                self.correct(at, kkt).await;
            }
            (WaitingFor::Partner, _) => self.cancel(kkt).await,
            // Support looks into it and has it tried again.
            (WaitingFor::Operator, _) => self.stage.retry(kkt.id).await,
            (WaitingFor::Fns | WaitingFor::Ofd | WaitingFor::Device | WaitingFor::Signer, _) => {}
        }
    }

    async fn burn(&mut self, kkt: &Kkt) {
        let call = Fiscalize { request_id: self.new_request(), kkt_id: kkt.id, method: Method::Automatic };
        self.send_first(&format!("fiscalize in {:?}", kkt.state.name()), Call::Fiscalize(call)).await;
    }

    async fn cancel(&mut self, kkt: &Kkt) {
        let call = Cancel { request_id: self.new_request(), kkt_id: kkt.id };
        self.send_first(&format!("cancel in {:?}", kkt.state.name()), Call::Cancel(call)).await;
    }

    async fn amend_code(&mut self, kkt: &Kkt) {
        let code = ActivationCode::parse(&format!("FD15M-{}", self.stage.number())).unwrap();
        self.amend(kkt, Amendment::Code(code)).await;
    }

    async fn amend(&mut self, kkt: &Kkt, amendment: Amendment) {
        let said = match &amendment {
            Amendment::Code(_) => "code",
            Amendment::Device(_) => "device",
            Amendment::Report(_) => "report",
        };
        let call = Amend { request_id: self.new_request(), kkt_id: kkt.id, amendment };
        self.send_first(&format!("amend {said} in {:?}", kkt.state.name()), Call::Amend(call)).await;
    }

    /// What the paper says; now and then somebody misreads it, and now and then there is no paper at all.
    fn paper(&mut self, at: usize, kkt: &Kkt) -> Option<FiscalReport> {
        let slot = &self.slots[at];
        let made = self.world.lock().hubs[slot.hub].burnt_report(slot.fn_serial.as_str()).cloned();
        let invented = FiscalReport {
            rnm: kkt.rnm()?.clone(),
            fn_serial: slot.fn_serial.clone(),
            fd_number: 1,
            local_time: "2026-11-23T13:12:00".into(),
            fiscal_sign: FiscalSign::parse("7").unwrap(),
        };
        let wild = self.world.lock().wild;
        let misread = wild && self.dice.percent(20);
        match made {
            Some(report) if misread => Some(FiscalReport { fiscal_sign: invented.fiscal_sign, ..report }),
            Some(report) => Some(report),
            None => (wild && !self.world.lock().hubs[slot.hub].broken).then_some(invented),
        }
    }

    /// Whoever told of a report that was never made makes it now, at the device.
    fn make_the_report(&mut self, at: usize, kkt: &Kkt) {
        let Some(rnm) = kkt.rnm().cloned() else { return };
        self.world.lock().hubs.get_mut(self.slots[at].hub).unwrap().burn_by_hand(rnm, kkt.inn.clone());
    }

    async fn report_by_hand(&mut self, at: usize, kkt: &Kkt) {
        let Some(report) = self.paper(at, kkt) else { return };
        let call = Fiscalize { request_id: self.new_request(), kkt_id: kkt.id, method: Method::Manual(report) };
        self.send_first(&format!("report by hand in {:?}", kkt.state.name()), Call::Fiscalize(call)).await;
    }

    async fn correct(&mut self, at: usize, kkt: &Kkt) {
        let Some(report) = self.paper(at, kkt) else { return };
        self.amend(kkt, Amendment::Report(report)).await;
    }
}
