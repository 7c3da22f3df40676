//! Service accounts of the cluster: their tokens, as the API server issues and the kubelet mounts them.

use serde_json::json;

use super::manifest::NAMESPACE;
use super::volumes::Projected;
use crate::identity::jwks::Jwks;
use crate::identity::signer::{Signer, jwks, now};

/// The name of a cluster's issuer where nobody chose another.
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// Who signs tokens, and where its public keys are.
pub struct Accounts {
    signer: Signer,
    pub keys: Jwks,
}

impl Accounts {
    pub async fn new() -> Self {
        let signer = Signer::rsa("of-the-cluster");
        let keys = Jwks::secure(jwks(&[&signer])).await;
        Self { signer, keys }
    }

    /// What a pod with this account finds in its volume.
    pub fn token(&self, account: &str, wanted: &Projected) -> String {
        let (now, audience) = (now(), wanted.audience.as_deref().unwrap_or(ISSUER));
        let own = json!({"namespace": NAMESPACE, "serviceaccount": {"name": account}});
        self.signer.token(&json!({
            "iss": ISSUER, "sub": format!("system:serviceaccount:{NAMESPACE}:{account}"), "aud": [audience],
            "iat": now, "nbf": now, "exp": now + wanted.expiration_seconds, "kubernetes.io": own,
        }))
    }
}
