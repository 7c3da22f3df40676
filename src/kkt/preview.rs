//! What an order that is only checked would become.

use super::application;
use super::device_task;
use super::model::{SoldRegister, Spec};
use crate::failure::Requirement;
use crate::gateways::taxpayers::{RegisteredAddress, Taxpayer, TaxpayerKind};

/// What would be filed and burnt, as far as it is known before.
#[derive(Debug, Clone)]
pub struct Preview {
    /// What was asked for.
    pub spec: Spec,
    /// The taxpayer, as the state register has it.
    pub taxpayer: Taxpayer,
    /// The place, as the address register has it.
    pub address: RegisteredAddress,
    /// The register; absent for a rental, whose register is chosen when it is ordered.
    pub register: Option<SoldRegister>,
    /// Acknowledged warnings that apply.
    pub warnings: Vec<Requirement>,
    /// When it was checked, Unix milliseconds.
    pub now_ms: i64,
}

impl Preview {
    /// Name of the taxpayer, as it is filed.
    pub fn filed_name(&self) -> String {
        match &self.taxpayer.kind {
            TaxpayerKind::Organization { full_name, .. } => full_name.clone(),
            TaxpayerKind::Entrepreneur { name } => name.full(),
        }
    }

    /// Name of the user, as it is burnt.
    pub fn burnt_name(&self) -> String {
        device_task::user_name(&self.taxpayer)
    }

    /// KPP, as it is filed; empty for an entrepreneur.
    pub fn kpp(&self) -> String {
        application::kpp_of(&self.spec, &self.taxpayer).map(ToString::to_string).unwrap_or_default()
    }

    /// Tax office of the place.
    pub fn tax_office(&self) -> &str {
        self.spec.place.tax_office.as_deref().or(self.address.tax_office.as_deref()).unwrap_or_default()
    }
}
