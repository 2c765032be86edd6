// Front Door before the app, or before the apps of two regions: keeps CRLs and CA certificates in its caches, has the
// user's name with a managed certificate, and lets http through for what devices fetch before they trust anything.
param name string
param tags object
param hostName string
param origins array

// tests/infra compares these with the routes of the code.
var overHttp = ['/crl/*', '/ca/*', '/ocsp', '/ocsp/*', '/scep/*', '/certsrv/*']
var cached = ['/crl/*', '/ca/*']

resource profile 'Microsoft.Cdn/profiles@2024-02-01' = {
  name: 'afd-${name}'
  location: 'global'
  tags: tags
  sku: { name: 'Standard_AzureFrontDoor' }
  properties: { originResponseTimeoutSeconds: 120 }
}

resource endpoint 'Microsoft.Cdn/profiles/afdEndpoints@2024-02-01' = {
  parent: profile
  name: name
  location: 'global'
  tags: tags
  properties: { enabledState: 'Enabled' }
}

resource group 'Microsoft.Cdn/profiles/originGroups@2024-02-01' = {
  parent: profile
  name: 'apps'
  properties: {
    loadBalancingSettings: { sampleSize: 4, successfulSamplesRequired: 3, additionalLatencyInMilliseconds: 50 }
    healthProbeSettings: {
      probePath: '/openapi.json'
      probeRequestType: 'GET'
      probeProtocol: 'Https'
      probeIntervalInSeconds: 100
    }
  }
}

resource origin 'Microsoft.Cdn/profiles/originGroups/origins@2024-02-01' = [
  for (host, at) in origins: {
    parent: group
    name: 'app-${at}'
    properties: {
      hostName: host
      originHostHeader: host
      httpPort: 80
      httpsPort: 443
      priority: at + 1
      weight: 1000
      enforceCertificateNameCheck: true
    }
  }
]

resource domain 'Microsoft.Cdn/profiles/customDomains@2024-02-01' = {
  parent: profile
  name: replace(hostName, '.', '-')
  properties: {
    hostName: hostName
    tlsSettings: { certificateType: 'ManagedCertificate', minimumTlsVersion: 'TLS12' }
  }
}

resource cachedRoute 'Microsoft.Cdn/profiles/afdEndpoints/routes@2024-02-01' = {
  parent: endpoint
  name: 'published'
  properties: {
    originGroup: { id: group.id }
    customDomains: [{ id: domain.id }]
    patternsToMatch: cached
    supportedProtocols: ['Http', 'Https']
    httpsRedirect: 'Disabled'
    forwardingProtocol: 'HttpsOnly'
    linkToDefaultDomain: 'Disabled'
    cacheConfiguration: { queryStringCachingBehavior: 'IgnoreQueryString' } // for as long as Cache-Control says
  }
  dependsOn: [origin]
}

resource openRoute 'Microsoft.Cdn/profiles/afdEndpoints/routes@2024-02-01' = {
  parent: endpoint
  name: 'devices'
  properties: {
    originGroup: { id: group.id }
    customDomains: [{ id: domain.id }]
    patternsToMatch: filter(overHttp, pattern => !contains(cached, pattern))
    supportedProtocols: ['Http', 'Https']
    httpsRedirect: 'Disabled'
    forwardingProtocol: 'HttpsOnly'
    linkToDefaultDomain: 'Disabled'
  }
  dependsOn: [origin]
}

resource otherRoute 'Microsoft.Cdn/profiles/afdEndpoints/routes@2024-02-01' = {
  parent: endpoint
  name: 'everything-else'
  properties: {
    originGroup: { id: group.id }
    customDomains: [{ id: domain.id }]
    patternsToMatch: ['/*']
    supportedProtocols: ['Https']
    httpsRedirect: 'Disabled' // http is refused: a secret that came that way once is known
    forwardingProtocol: 'HttpsOnly'
    linkToDefaultDomain: 'Disabled'
  }
  dependsOn: [origin]
}

output host string = endpoint.properties.hostName
output validation string = domain.properties.validationProperties.validationToken
