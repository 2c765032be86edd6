// Keys that are made in the vault and never leave it. One that exists is left as it is: ARM makes keys only once.
param vaultName string
param caKeyName string
param caKeyType string
param caKeySize int
param caCurve string
param importKeyName string

var isRSA = caKeyType == 'RSA-HSM'

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

resource rsaKey 'Microsoft.KeyVault/vaults/keys@2023-07-01' = if (isRSA) {
  parent: vault
  name: caKeyName
  properties: {
    kty: caKeyType
    keySize: caKeySize
    keyOps: ['sign']
    attributes: { enabled: true, exportable: false }
  }
}

resource ecKey 'Microsoft.KeyVault/vaults/keys@2023-07-01' = if (!isRSA) {
  parent: vault
  name: caKeyName
  properties: {
    kty: caKeyType
    curveName: caCurve
    keyOps: ['sign']
    attributes: { enabled: true, exportable: false }
  }
}

resource importKey 'Microsoft.KeyVault/vaults/keys@2023-07-01' = {
  parent: vault
  name: importKeyName
  properties: {
    kty: 'RSA-HSM'
    keySize: 3072
    keyOps: ['decrypt']
    attributes: { enabled: true, exportable: false }
  }
}

output caKeyName string = isRSA ? rsaKey.name : ecKey.name
output importKeyName string = importKey.name
