//! What the Helm chart renders, driven as Kubernetes would drive it: processes are the containers, this is the kubelet, the
//! controller of the Deployment and the Service.

mod kubelet;
mod manifest;
mod probes;
mod rollout;
mod upgrade;
