"""grpcio-tools has its gRPC plugin inside of protoc only: this gives it the face of a plugin, as buf wants one."""

import sys
import tempfile
from pathlib import Path

from google.protobuf.compiler import plugin_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc


def main() -> int:
    request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    response = plugin_pb2.CodeGeneratorResponse(
        supported_features=plugin_pb2.CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
    )
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        image, out = work / "image.binpb", work / "out"
        image.write_bytes(FileDescriptorSet(file=request.proto_file).SerializeToString())
        out.mkdir()
        status = protoc.main(
            ["protoc", f"--descriptor_set_in={image}", f"--grpc_python_out={out}", *request.file_to_generate]
        )
        if status != 0:
            return int(status)
        for file in sorted(out.rglob("*.py")):
            response.file.add(name=str(file.relative_to(out)), content=file.read_text())
    sys.stdout.buffer.write(response.SerializeToString())
    return 0


if __name__ == "__main__":
    sys.exit(main())
