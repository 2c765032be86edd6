// The second step of domain.bicep: the certificate on the bound name.
param appName string
param hostName string
param thumbprint string

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: appName
}

resource binding 'Microsoft.Web/sites/hostNameBindings@2024-04-01' = {
  parent: app
  name: hostName
  properties: { sslState: 'SniEnabled', thumbprint: thumbprint }
}
