package litebox

// Version is the version of this library, the same as that of the service it was made for.
const Version = "0.1.0"

const userAgent = "litebox-partner-go/" + Version
