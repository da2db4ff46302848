; What the user sees during POST.
%include "romgen.inc"
%include "rom.inc"

global message_prepare:function
global message_dev:data
global message_fn:data
global message_banner:data
global message_product:data
global message_link:data
global message_initiator:data
global message_gateway:data
global message_delay:data
global message_target:data
global message_target2:data
global message_disk:data
global message_attached:data
global message_size:data
global message_late:data
global message_off:data

extern boot_bdf
extern disk_block_size, disk_blocks
extern ev_link_delay
extern ev_lun, ev_target_ip, ev_target_name, ev_target_port
extern ev_lun2, ev_target_ip2, ev_target_name2, ev_target_port2
extern int13_drive
extern net_gateway, net_ip, net_mac, net_mask

BSS message
message_dev:    resb 1          ; parts of boot_bdf
message_fn:     resb 1
message_mib:    resd 2          ; size of the disk, MiB

INITCODE message
;---------------------------------------------------------------------------
; message_prepare - numbers that messages show and nobody else keeps
; in:       boot_bdf; disk_blocks, disk_block_size (0 where not known yet)
; out:      message_dev, message_fn, message_mib
; clobbers: EAX, ECX, EDX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
message_prepare:
        mov     al, [boot_bdf]
        mov     ah, al
        shr     al, 3
        and     ah, 7
        mov     [message_dev], ax       ; and message_fn
        bsf     ecx, [disk_block_size]  ; a power of two
        jz      .done
        neg     cl
        add     cl, 20                  ; blocks of a MiB, as a power of two
        mov     eax, [disk_blocks]
        mov     edx, [disk_blocks + 4]
        shrd    eax, edx, cl
        shr     edx, cl
        mov     [message_mib], eax
        mov     [message_mib + 4], edx
.done:
        ret

INITDATA message
; The version is in the ROM's version structure, where `romgen stamp` writes it.
MSG message_product, PRODUCT, " "
MSG message_banner, ", adapter ", F_HEX8, boot_bdf + 1, ":", F_HEX8, message_dev, ".", F_DEC8, message_fn, CRLF
MSG message_link, "  MAC ", F_MAC, net_mac, ", link up", CRLF
MSG message_initiator, "  Initiator ", F_IP, net_ip, ", mask ", F_IP, net_mask, CRLF
MSG message_gateway, "  Gateway ", F_IP, net_gateway, CRLF
MSG message_delay, "  Waiting ", F_DEC16, ev_link_delay, " s (LinkDelay)", CRLF
MSG message_target, "  Target ", F_IP, ev_target_ip, ":", F_DEC16, ev_target_port, " ", F_STR, ev_target_name, ", LUN ", F_LUN, ev_lun, CRLF
MSG message_target2, "  Second target ", F_IP, ev_target_ip2, ":", F_DEC16, ev_target_port2, " ", F_STR, ev_target_name2, ", LUN ", F_LUN, ev_lun2, CRLF
MSG message_disk, "  Disk ", F_HEX8, int13_drive, "h"
MSG message_attached, "  Disk attached, the BIOS boots another one"
MSG message_size, ": ", F_DEC64, message_mib, " MiB, ", F_DEC64, disk_blocks, " blocks of ", F_DEC32, disk_block_size, " bytes", CRLF
MSG message_late, "  No memory during POST: again when the BIOS boots", CRLF
MSG message_off, "  BootProtocol=None: nothing to do", CRLF
