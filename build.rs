//! Generates the wire types from `proto/`, with no system protoc: protox is a compiler in Rust.
//!
//! The public services are generated once, with client and server. The gateway contracts are generated twice, into
//! separate folders: clients for the server, servers for the sandbox, so that the two share no wire type. Without the
//! feature `server` nothing but the public clients is generated.

#[path = "build/debug.rs"]
mod debug;

use std::path::{Path, PathBuf};
use std::{env, error::Error, fs};

use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, Value};

const INCLUDES: [&str; 2] = ["proto", "third_party/proto"];
const CODEC: &str = "tonic_prost::ProstCodec";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=third_party/proto");
    println!("cargo:rerun-if-env-changed=LITEBOX_COMMIT");
    println!("cargo:rustc-env=LITEBOX_VERSION={}", version()?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let public = [protos("proto/litebox/client")?, protos("proto/litebox/kkt")?, shared()].concat();
    let descriptors = compile(&public)?;
    fs::write(out.join("descriptors.bin"), for_reflection(&descriptors)?)?;
    fs::write(out.join("scopes.rs"), scope_table(descriptors.descriptor_pool())?)?;
    let server = env::var_os("CARGO_FEATURE_SERVER").is_some();
    generate(&descriptors, &out.join("public"), true, server, CODEC)?;
    if !server {
        return Ok(());
    }

    let descriptors = compile(&protos("proto/litebox/gateway")?)?;
    fs::write(out.join("gateway_descriptors.bin"), descriptors.encode_file_descriptor_set())?;
    generate(&descriptors, &out.join("gateways"), true, false, CODEC)?;
    generate(&descriptors, &out.join("sandbox"), false, true, "crate::sandbox::codec::Strict")?;
    Ok(())
}

/// The version, and the commit when whoever builds names it: asked of git, every commit would build everything anew.
fn version() -> Result<String, env::VarError> {
    let version = env::var("CARGO_PKG_VERSION")?;
    let commit = env::var("LITEBOX_COMMIT").unwrap_or_default();
    Ok(if commit.is_empty() { version } else { format!("{version} ({commit})") })
}

fn shared() -> Vec<PathBuf> {
    [
        "proto/litebox/options/v1/options.proto",
        "proto/litebox/error/v1/error_reason.proto",
        "third_party/proto/google/rpc/error_details.proto",
    ]
    .map(PathBuf::from)
    .to_vec()
}

fn protos(dir: &str) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(protos(&path.to_string_lossy())?);
        } else if path.extension().is_some_and(|e| e == "proto") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn compile(files: &[PathBuf]) -> Result<protox::Compiler, Box<dyn Error>> {
    let mut compiler = protox::Compiler::new(INCLUDES)?;
    compiler.include_imports(true).include_source_info(true).open_files(files)?;
    Ok(compiler)
}

/// All files, without the comments of those that declare rules: they are most of the bytes, and who asks wants ours.
fn for_reflection(compiler: &protox::Compiler) -> Result<Vec<u8>, Box<dyn Error>> {
    let set = compiler.descriptor_pool().get_message_by_name("google.protobuf.FileDescriptorSet");
    let encoded = compiler.encode_file_descriptor_set();
    let mut set = DynamicMessage::decode(set.ok_or("descriptor.proto is missing")?, encoded.as_slice())?;
    let files = set.get_field_by_name_mut("file").and_then(Value::as_list_mut).ok_or("no files")?;
    for file in files.iter_mut().filter_map(Value::as_message_mut) {
        let name = file.get_field_by_name("name");
        if name.is_some_and(|name| name.as_str().is_some_and(|name| name.starts_with("buf/"))) {
            file.clear_field_by_name("source_code_info");
        }
    }
    Ok(set.encode_to_vec())
}

fn generate(
    compiler: &protox::Compiler,
    out: &Path,
    client: bool,
    server: bool,
    codec: &str,
) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(out)?;
    let pool = compiler.descriptor_pool();
    let mut prost = tonic_prost_build::Config::new();
    prost.skip_debug(debug::own(&pool));
    tonic_prost_build::configure()
        .build_client(client)
        .build_server(server)
        .codec_path(codec)
        .emit_rerun_if_changed(false)
        .out_dir(out)
        .compile_fds_with_config(compiler.file_descriptor_set(), prost)?;
    debug::append(&pool, out)
}

/// The table from method path to required scope. A public method without a scope stops the build.
fn scope_table(pool: DescriptorPool) -> Result<String, Box<dyn Error>> {
    let mut rows = String::new();
    for service in pool.services().filter(|s| s.full_name().starts_with("litebox.")) {
        for method in service.methods() {
            let scope = scope_of(&pool, &method)?;
            rows.push_str(&format!("    (\"/{}/{}\", options::Scope::{scope}),\n", service.full_name(), method.name()));
        }
    }
    Ok(format!("&[\n{rows}]\n"))
}

fn scope_of(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<String, Box<dyn Error>> {
    let option =
        pool.get_extension_by_name("litebox.options.v1.required_scope").ok_or("the scope option is missing")?;
    let options = method.options();
    let value = options.get_extension(&option);
    let Value::EnumNumber(number) = value.as_ref() else { return Err("the scope option is not an enum".into()) };
    let scopes = pool.get_enum_by_name("litebox.options.v1.Scope").ok_or("the scope enum is missing")?;
    let name = scopes.get_value(*number).ok_or("unknown scope")?;
    if *number == 0 {
        return Err(format!("{} declares no required_scope", method.full_name()).into());
    }
    if name.name() == "SCOPE_PARTNERS_ACT" {
        return Err(format!("{} declares a scope that is of no method", method.full_name()).into());
    }
    Ok(camel(name.name().trim_start_matches("SCOPE_")))
}

fn camel(screaming: &str) -> String {
    let word = |w: &str| w[..1].to_owned() + &w[1..].to_lowercase();
    screaming.split('_').map(word).collect()
}
