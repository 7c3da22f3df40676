//! What the Helm chart renders, driven as Kubernetes would drive it: processes are the containers, this is the kubelet, the
//! controller of the Deployment and the Service.

mod accounts;
mod helm_test;
mod kubelet;
mod manifest;
mod modes;
mod notes;
mod place;
mod probes;
mod rollout;
mod standing;
mod upgrade;
mod volumes;
