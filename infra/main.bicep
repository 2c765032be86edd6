// One installation of Scepter in a resource group of its own. Plain resources only: no registry is needed to read it.
targetScope = 'subscription'

@minLength(1)
@maxLength(64)
@description('Name of the environment; the resource group is named after it.')
param environmentName string

@minLength(1)
@description('Region of everything.')
@metadata({ azd: { type: 'location' } })
param location string

@description('A second region for the app, behind Front Door. Storage and vault are shared. Empty: none.')
param secondLocation string

@minLength(1)
@description('SCEPTER_PUBLIC_URL: base of the CRL, CA certificate and SCEP URLs. Your own DNS name, http.')
param publicUrl string

@description('SCEPTER_ALLOW_DEFAULT_HOST: accept a public URL on a name of Azure, for a trial. Its certificates die with it.')
param allowDefaultHost bool

@description('Bind the name of publicUrl to the app, with a managed certificate; its DNS records have to be there.')
param bindDomain bool

@description('Put Front Door before the app; it then has the name of publicUrl.')
param frontDoor bool

@description('SCEPTER_DEFAULT_PROFILE: the profile behind the path of NDES.')
param defaultProfile string

@description('Names of the callers of POST /challenges, separated by commas. The secret of each is caller-<name> in the vault.')
param callers string

@description('Names of the sources of device events, separated by commas. The secrets of each are events-<name> in the vault.')
param eventSources string

@description('Names of static challenges, separated by commas. The secret of each is static-<name> in the vault.')
param staticChallenges string

@description('Callers whose results are told by a signed call, separated by commas; the secret is callback-<name>.')
param callbackCallers string

@description('SCEPTER_CALLBACK_HOSTS: hosts that results may be told to.')
param callbackHosts string

@description('SCEPTER_RESULT_QUEUES: queues that results may be told on; they are made here.')
param resultQueues string

@description('More settings, or others instead: tenants of Intune, outside CAs. Secrets as Key Vault references.')
param moreSettings object

@description('Application (client) id that tokens for the management API are issued to. Empty: nobody may manage.')
param managementClientId string

@description('Object id of the person who puts secrets into the vault and makes the CA. Empty: nobody is granted that here.')
param administratorPrincipalId string

@description('Who gets the alerts. Empty: they are on the portal only.')
param alertEmail string

@allowed(['Standard_ZRS', 'Standard_GZRS', 'Standard_LRS', 'Standard_GRS'])
@description('Copies of the data: in three zones, and with GZRS in another region, too.')
param storageSku string

@allowed(['RSA-HSM', 'EC-HSM'])
@description('Kind of the CA key. It is made in the HSM and cannot be exported.')
param caKeyType string

@allowed([2048, 3072, 4096])
@description('Bits of an RSA key.')
param caKeySize int

@allowed(['P-256', 'P-384', 'P-521'])
@description('Curve of an EC key.')
param caCurve string

@allowed([512, 2048, 4096])
@description('Memory of an instance.')
param instanceMemoryMB int

@minValue(40)
@maxValue(1000)
@description('Most instances of the function app.')
param maximumInstanceCount int

@minValue(1)
@maxValue(100)
@description('Calls that one instance serves at the same time.')
param callsPerInstance int

@minValue(0)
@maxValue(10)
@description('Instances that always wait for device events; each costs, see docs/sizing.md.')
param alwaysReadyQueueInstances int

@minValue(0)
@maxValue(10)
@description('Instances that always wait for HTTP calls; each costs, see docs/sizing.md.')
param alwaysReadyHttpInstances int

@minValue(1)
@maxValue(1000)
@description('SCEPTER_VAULT_WORKERS: instances that are busy in the rush hour and share the limits of the vault.')
param vaultWorkers int

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var hostName = split(split(publicUrl, '://')[1], '/')[0]
var regions = empty(secondLocation) ? [location] : [location, secondLocation]
var caKeyName = 'issuing-ca'
var importKeyName = 'pfx-import'
var writtenSecrets = ['scep-ra', 'ocsp-responder', 'ocsp-responder-root']

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity './app/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-scepter-${token}'
    location: location
    tags: tags
  }
}

module storage './app/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    sku: storageSku
    resultQueues: empty(resultQueues) ? [] : split(resultQueues, ',')
  }
}

module vault './app/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: 'kv-${token}'
    location: location
    tags: tags
  }
}

module keys './app/keys.bicep' = {
  name: 'keys'
  scope: group
  params: {
    vaultName: vault.outputs.name
    caKeyName: caKeyName
    caKeyType: caKeyType
    caKeySize: caKeySize
    caCurve: caCurve
    importKeyName: importKeyName
  }
}

module monitoring './app/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    name: 'scepter-${token}'
    location: location
    tags: tags
  }
}

module alerts './app/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    name: 'scepter-${token}'
    location: location
    tags: tags
    workspaceName: monitoring.outputs.workspaceName
    vaultName: vault.outputs.name
    email: alertEmail
  }
}

module roles './app/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    principalId: identity.outputs.principalId
    administratorPrincipalId: administratorPrincipalId
    storageName: storage.outputs.name
    vaultName: vault.outputs.name
    caKeyName: keys.outputs.caKeyName
    importKeyName: keys.outputs.importKeyName
    writtenSecrets: writtenSecrets
    applicationInsightsName: monitoring.outputs.name
  }
}

module settings './app/settings.bicep' = {
  name: 'settings'
  scope: group
  params: {
    storageName: storage.outputs.name
    vaultName: vault.outputs.name
    clientId: identity.outputs.clientId
    telemetry: monitoring.outputs.connectionString
    publicUrl: publicUrl
    allowDefaultHost: allowDefaultHost
    defaultProfile: defaultProfile
    callers: empty(callers) ? [] : split(callers, ',')
    eventSources: empty(eventSources) ? [] : split(eventSources, ',')
    staticChallenges: empty(staticChallenges) ? [] : split(staticChallenges, ',')
    callbackCallers: empty(callbackCallers) ? [] : split(callbackCallers, ',')
    callbackHosts: callbackHosts
    resultQueues: resultQueues
    vaultWorkers: vaultWorkers
    callsPerInstance: callsPerInstance
    more: moreSettings
  }
}

module functionApp './app/function_app.bicep' = [
  for (region, at) in regions: {
    name: 'functionApp-${at}'
    scope: group
    params: {
      name: at == 0 ? 'func-scepter-${token}' : 'func-scepter-${token}-${at + 1}'
      location: region
      tags: union(tags, { 'azd-service-name': at == 0 ? 'scepter' : 'scepter-second' })
      identityName: identity.outputs.name
      storageName: storage.outputs.name
      deploymentContainer: '${storage.outputs.deploymentContainer}${at == 0 ? '' : '-2'}'
      settings: settings.outputs.settings
      managementClientId: managementClientId
      instanceMemoryMB: instanceMemoryMB
      maximumInstanceCount: maximumInstanceCount
      callsPerInstance: callsPerInstance
      alwaysReadyQueueInstances: alwaysReadyQueueInstances
      alwaysReadyHttpInstances: alwaysReadyHttpInstances
    }
    dependsOn: [roles] // an app that starts before it may read its secrets is given references instead of them
  }
]

module domain './app/domain.bicep' = if (bindDomain && !frontDoor) {
  name: 'domain'
  scope: group
  params: {
    appName: functionApp[0].outputs.name
    planId: functionApp[0].outputs.planId
    location: location
    tags: tags
    hostName: hostName
  }
}

module door './app/front_door.bicep' = if (frontDoor) {
  name: 'frontDoor'
  scope: group
  params: {
    name: 'scepter-${token}'
    tags: tags
    hostName: hostName
    origins: [for (region, at) in regions: functionApp[at].outputs.host]
  }
}

output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_KEY_VAULT_NAME string = vault.outputs.name
output SCEPTER_CA_KEY string = keys.outputs.caKeyName
output SCEPTER_HOST_NAME string = hostName
output SCEPTER_CNAME string = frontDoor ? door.outputs.host : functionApp[0].outputs.host
output SCEPTER_VERIFICATION string = frontDoor ? door.outputs.validation : functionApp[0].outputs.verification
output SERVICE_SCEPTER_NAME string = functionApp[0].outputs.name
output SERVICE_SCEPTER_HOST string = functionApp[0].outputs.host
