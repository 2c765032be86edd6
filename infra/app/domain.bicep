// The user's own name on the function app, with a certificate that Azure renews. The CNAME and the TXT record asuid.<name>
// have to be there before. Two steps: the certificate wants the name bound, its binding the certificate.
param appName string
param planId string
param location string
param tags object
param hostName string

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: appName
}

resource binding 'Microsoft.Web/sites/hostNameBindings@2024-04-01' = {
  parent: app
  name: hostName
  properties: {
    siteName: appName
    hostNameType: 'Verified'
    customHostNameDnsRecordType: 'CName'
  }
}

resource certificate 'Microsoft.Web/certificates@2024-04-01' = {
  name: 'cert-${hostName}'
  location: location
  tags: tags
  properties: { serverFarmId: planId, canonicalName: hostName }
  dependsOn: [binding]
}

module tls './domain_tls.bicep' = {
  name: 'domainTls'
  params: {
    appName: appName
    hostName: hostName
    thumbprint: certificate.properties.thumbprint
  }
}
