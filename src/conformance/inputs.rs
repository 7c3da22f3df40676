//! What the cases are tried with. The defaults fit the sandbox; a site's test environment names its own.

use std::path::PathBuf;

/// Inputs of the cases.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Inputs, with defaults for the sandbox")]
pub struct Inputs {
    /// INN of an organization that is in the state register; for accounts, one without an account.
    #[arg(long, default_value = "7707083893")]
    pub inn: String,
    /// INN of an entrepreneur that is in the state register.
    #[arg(long, default_value = "500100732259")]
    pub person_inn: String,
    /// INN that is not in the state register and has no account.
    #[arg(long, default_value = "7799000012")]
    pub unknown_inn: String,
    /// INN whose account the password cases keep; such a case is skipped when it has one.
    #[arg(long, default_value = "7736050003")]
    pub spend_inn: String,
    /// INN of the operator of fiscal data.
    #[arg(long, default_value = "7709364346")]
    pub ofd_inn: String,
    /// Activation code that is free and stays so.
    #[arg(long, default_value = "FD13MM123456")]
    pub free_code: String,
    /// Activation code that is used up, by somebody else.
    #[arg(long, default_value = "FD13MM000001")]
    pub used_code: String,
    /// Activation code that the operator does not know.
    #[arg(long, default_value = "FD13MM000003")]
    pub unknown_code: String,
    /// Free activation code that the connection case uses up; that case is skipped when it is used.
    #[arg(long, default_value = "FD13MM654321")]
    pub spend_code: String,
    /// KKT model as in the registry.
    #[arg(long, default_value = "АТОЛ 30Ф")]
    pub kkt_model: String,
    /// Serial number of the KKT that is connected.
    #[arg(long, default_value = "00106100000001")]
    pub kkt_serial: String,
    /// Serial number of its fiscal drive.
    #[arg(long, default_value = "9999078902000001")]
    pub fn_serial: String,
    /// Registration number that fits --inn and --kkt-serial.
    #[arg(long, default_value = "0000000001055823")]
    pub rnm: String,
    /// File with an application that FNS takes, XML in windows-1251; a built-in one for the sandbox without it.
    #[arg(long, value_name = "FILE", requires = "file_id")]
    pub document: Option<PathBuf>,
    /// File id that stands in that document.
    #[arg(long)]
    pub file_id: Option<String>,
    /// Certificate with which FNS's adapter signs.
    #[arg(long, default_value = "cert-1")]
    pub certificate_id: String,
    /// deviceID at the hub.
    #[arg(long, default_value = "default")]
    pub device: String,
    /// User of the hub; none without it.
    #[arg(long, default_value = "")]
    pub hub_user: String,
    /// Password of the hub.
    #[arg(
        long,
        env = "LITEBOX_CHECK_HUB_PASSWORD",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    pub hub_password: String,
    /// Key of DaData.
    #[arg(
        long,
        env = "LITEBOX_CHECK_DADATA_KEY",
        hide_env_values = true,
        default_value = "sandbox",
        hide_default_value = true
    )]
    pub dadata_key: String,
    /// An address down to the house that the register has once.
    #[arg(long, default_value = "117312, г Москва, ул Вавилова, д 19")]
    pub address: String,
    /// FIAS id that the register does not have.
    #[arg(long, default_value = "00000000-0000-4000-8000-000000000000")]
    pub unknown_fias_id: String,
}

crate::values::discreet::discreet!(Inputs);

impl Default for Inputs {
    /// Those for the sandbox, as the command line has them.
    fn default() -> Self {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            inputs: Inputs,
        }
        <Line as clap::Parser>::parse_from(["check"]).inputs
    }
}
